"""The four data sets in miniature: the publishers' archives, folders, names and formats."""

import dataclasses
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from mmdeeplab.datasets.prepare.table import DATA_SETS, DataSet

Files = dict[str, bytes]
COUNTS = dict(train=4, val=2)
SIZE = (48, 64)
# Ids of the publishers' masks: left and right half, and a column of what is not evaluated.
RAW = {
    'cityscapes': (7, 26, 0),
    'ade20k': (1, 150, 0),
    'coco-stuff': (0, 181, 255),
    'pascal-context': (2, 458, 1),
}
# The class ids that they stand for in the masks that the configs read.
LABELS = {
    'cityscapes': (0, 13, 255),
    'ade20k': (1, 150, 0),  # reduced when they are loaded
    'coco-stuff': (0, 170, 255),
    'pascal-context': (1, 59, 0),
}


def mini(name: str) -> DataSet:
    """The row of a data set, with few images."""
    data = DATA_SETS[name]
    splits = tuple(dataclasses.replace(s, count=COUNTS[s.name]) for s in data.splits)
    return dataclasses.replace(data, splits=splits)


def halves(ids: tuple[int, int, int], kind: type = np.uint8) -> np.ndarray:
    """A mask (H, W) of two halves; its first column is the third id."""
    mask = np.full(SIZE, ids[0], kind)
    mask[:, SIZE[1] // 2 :] = ids[1]
    mask[:, 0] = ids[2]
    return mask


def picture(kind: str, name: str) -> bytes:
    """Two halves that can be told apart, in other noise for every name."""
    pixels = np.random.default_rng(list(name.encode())).integers(0, 60, (*SIZE, 3), np.uint8)
    pixels[:, SIZE[1] // 2 :] += 150
    return encoded(Image.fromarray(pixels), kind)


def encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def png(name: str) -> bytes:
    return encoded(Image.fromarray(halves(RAW[name])), 'PNG')


def mat(mask: np.ndarray) -> bytes:
    out = io.BytesIO()
    savemat(out, dict(LabelMap=mask), do_compression=True)
    return out.getvalue()


def cityscapes() -> dict[str, Files]:
    """City by city; what the configs do not read is there, too."""
    left: Files = {'README': b'text'}
    gt: Files = {'license.txt': b'text'}
    for split, city, count in (('train', 'aachen', 4), ('val', 'munster', 2), ('test', 'bonn', 1)):
        for i in range(count):
            name = f'{split}/{city}/{city}_{i:06}_000019'
            left[f'leftImg8bit/{name}_leftImg8bit.png'] = picture('PNG', name)
            gt[f'gtFine/{name}_gtFine_labelIds.png'] = png('cityscapes')
            gt[f'gtFine/{name}_gtFine_instanceIds.png'] = b'not unpacked'
    return {'leftImg8bit_trainvaltest.zip': left, 'gtFine_trainvaltest.zip': gt}


def ade20k() -> dict[str, Files]:
    """One archive of both."""
    files: Files = {'ADEChallengeData2016/objectInfo150.txt': b'text'}
    for split, count in (('training', 4), ('validation', 2)):
        for i in range(count):
            name = f'{split}/ADE_{"train" if count == 4 else "val"}_{i:08}'
            files[f'ADEChallengeData2016/images/{name}.jpg'] = picture('JPEG', name)
            files[f'ADEChallengeData2016/annotations/{name}.png'] = png('ade20k')
    return {'ADEChallengeData2016.zip': files}


def coco_stuff() -> dict[str, Files]:
    """Images and masks in three archives."""
    archives: dict[str, Files] = {'stuffthingmaps_trainval2017.zip': {}}
    for split, count in COUNTS.items():
        archives[f'{split}2017.zip'] = images = {}
        for i in range(count):
            name = f'{split}2017/{i:012}'
            images[f'{name}.jpg'] = picture('JPEG', name)
            archives['stuffthingmaps_trainval2017.zip'][f'{name}.png'] = png('coco-stuff')
    return archives


def pascal_context() -> dict[str, Files]:
    """Images and lists of VOC 2010, and masks of 459 numbers."""
    voc: Files = {'VOCdevkit/VOC2010/JPEGImages/2010_000009.jpg': picture('JPEG', '9')}
    masks: Files = {}
    for split, count in COUNTS.items():
        ids = [f'2008_{i + 10 * (split == "val"):06}' for i in range(count)]
        lines = ''.join(f'{name}\n' for name in ids)
        voc[f'VOCdevkit/VOC2010/ImageSets/Main/{split}.txt'] = lines.encode()
        for name in ids:
            voc[f'VOCdevkit/VOC2010/JPEGImages/{name}.jpg'] = picture('JPEG', name)
            masks[f'trainval/{name}.mat'] = mat(halves(RAW['pascal-context'], np.uint16))
    return {'VOCtrainval_03-May-2010.tar': voc, 'trainval.tar.gz': masks}


MAKERS: dict[str, Callable[[], dict[str, Files]]] = {
    'cityscapes': cityscapes,
    'ade20k': ade20k,
    'coco-stuff': coco_stuff,
    'pascal-context': pascal_context,
}


def write_archives(folder: Path, archives: dict[str, Files]) -> None:
    """Write every archive in the form that its name says."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, files in archives.items():
        if name.endswith('.zip'):
            with zipfile.ZipFile(folder / name, 'w') as packed:
                for member, body in files.items():
                    packed.writestr(member, body)
            continue
        with tarfile.open(folder / name, 'w:gz' if name.endswith('gz') else 'w') as tar:
            for member, body in files.items():
                info = tarfile.TarInfo(member)
                info.size = len(body)
                tar.addfile(info, io.BytesIO(body))
