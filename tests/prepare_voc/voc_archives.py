"""VOC's and SBD's archives in miniature: the real folders, file names and formats."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from mmdeeplab.datasets.prepare_voc import Source, SplitCounts
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.visualization.voc_palette import voc_palette

TRAIN = ['2007_000032', '2007_000039', '2008_000008', '2011_003276']
VAL = ['2007_000033', '2007_000042', '2011_003103']
# SBD has masks of some images of VOC's lists, in both of its own, and of others
SBD_TRAIN = ['2008_000002', '2008_000003', '2007_000033', '2008_000008', '2010_000001']
SBD_VAL = ['2008_000007', '2011_003103', '2011_003276', '2009_000001']
EXTRA = ['2008_000002', '2008_000003', '2008_000007', '2009_000001', '2010_000001']
COUNTS = SplitCounts(train=4, val=3, trainaug=9)
SIZE = (5, 7)
PALETTE = [value for rgb in voc_palette() for value in rgb]


def voc_mask(i: str) -> np.ndarray:
    """VOC's mask of an image (H, W): it has void."""
    mask = np.full(SIZE, int(i[-2:]) % 21, np.uint8)
    mask[0] = 255
    return mask


def sbd_mask(i: str) -> np.ndarray:
    """SBD's mask of an image (H, W): it has none."""
    return np.full(SIZE, 20 - int(i[-2:]) % 21, np.uint8)


def png(mask: np.ndarray) -> bytes:
    image = Image.fromarray(mask).convert('P')
    image.putpalette(PALETTE)
    return saved(image, 'PNG')


def jpeg() -> bytes:
    return saved(Image.new('RGB', SIZE[::-1]), 'JPEG')


def saved(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def mat(mask: np.ndarray) -> bytes:
    """A mask as SBD keeps it: a structure with boundaries, labels and the classes present."""
    boundaries = np.empty((20, 1), object)
    boundaries[:, 0] = [np.zeros((2, 2), np.uint8)] * 20
    truth = dict(Boundaries=boundaries, Segmentation=mask, CategoriesPresent=np.unique(mask))
    out = io.BytesIO()
    savemat(out, dict(GTcls=truth), do_compression=True)
    return out.getvalue()


def lines(ids: list[str]) -> bytes:
    return ''.join(f'{i}\n' for i in ids).encode()


def pack(path: Path, files: dict[str, bytes]) -> Source:
    """Write a tar; return it as a source that is known by its checksums."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w:gz' if path.suffix == '.tgz' else 'w') as out:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            out.addfile(info, io.BytesIO(body))
    return Source(
        path.name, 'https://localhost:9/none', digest(path), digest(path, algorithm='md5')
    )


def voc_files() -> dict[str, bytes]:
    root = 'VOCdevkit/VOC2012'
    lists = f'{root}/ImageSets/Segmentation'
    return {
        f'{root}/Annotations/2007_000032.xml': b'<annotation/>',
        f'{lists}/train.txt': lines(TRAIN),
        f'{lists}/val.txt': lines(VAL),
        f'{lists}/trainval.txt': lines(sorted(TRAIN + VAL)),
        f'{root}/ImageSets/Main/train.txt': b'',
        **{f'{root}/JPEGImages/{i}.jpg': jpeg() for i in TRAIN + VAL + EXTRA},
        f'{root}/JPEGImages/2012_004331.jpg': jpeg(),
        **{f'{root}/SegmentationClass/{i}.png': png(voc_mask(i)) for i in TRAIN + VAL},
        **{f'{root}/SegmentationObject/{i}.png': png(voc_mask(i)) for i in TRAIN + VAL},
    }


def sbd_files() -> dict[str, bytes]:
    root = 'benchmark_RELEASE/dataset'
    ids = SBD_TRAIN + SBD_VAL
    return {
        'benchmark_RELEASE/README': b'Semantic Boundaries Dataset',
        **{f'{root}/img/{i}.jpg': jpeg() for i in ids},
        **{f'{root}/cls/{i}.mat': mat(sbd_mask(i)) for i in ids},
        **{f'{root}/inst/{i}.mat': b'instances' for i in ids},
        f'{root}/train.txt': lines(SBD_TRAIN),
        f'{root}/val.txt': lines(SBD_VAL),
    }
