"""A miniature data set in the layout of PASCAL VOC 2012, drawn by code.

Twenty toy object classes, told apart by hue, texture and silhouette together, lie over each other
on cluttered backgrounds. It serves to train and score a network in minutes where the real data is
not at hand; the same parameters always give the same bytes.
"""

from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mmdeeplab.datasets.mini_voc.scene import DrawnImage
from mmdeeplab.datasets.mini_voc.spec import NAME_STEM, MiniVoc, NotEmptyError
from mmdeeplab.datasets.prepare_voc.layout import IMAGES, LISTS, MASKS
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

STAMP_NAME = 'mini_voc.json'
SPLITS = ('train', 'val')
JPEG_QUALITY = 92


def is_complete(out: Path, spec: MiniVoc) -> bool:
    """Tell whether ``out`` holds exactly the data set of ``spec``: its stamp and all its files."""
    stamp = out / STAMP_NAME
    if not stamp.is_file() or stamp.read_text(encoding='utf-8') != spec.stamp:
        return False
    names = list(chain.from_iterable(spec.names.values()))
    pairs = chain.from_iterable((_image_path(out, n), _mask_path(out, n)) for n in names)
    lists = (out / LISTS / f'{split}.txt' for split in (*SPLITS, 'trainval'))
    return all(path.is_file() for path in chain(pairs, lists, [out / 'classes.txt']))


def generate(out: Path, spec: MiniVoc, force: bool = False, quiet: bool = False) -> bool:
    """Write a miniature data set, unless it is there already.

    Args:
        out: Folder to write to, made if need be.
        spec: What to draw.
        force: Write even if ``out`` holds something else; images of an earlier miniature set are
            removed and lists overwritten, other files stay.
        quiet: Show no progress bar (none is shown outside a terminal anyway).

    Returns:
        Whether anything had to be written.

    Raises:
        NotEmptyError: ``out`` holds something else, or is no folder.
    """
    if is_complete(out, spec):
        return False
    if out.exists() and not out.is_dir():
        raise NotEmptyError(f'{out} is not a folder')
    if out.is_dir() and any(out.iterdir()):
        if not force:
            raise NotEmptyError(f'{out} is not empty and does not hold this miniature data set')
        _remove_earlier(out)
    for folder in (IMAGES, MASKS, LISTS):
        (out / folder).mkdir(parents=True, exist_ok=True)
    total = spec.train + spec.val
    bar = tqdm(spec.samples(), 'drawing', total, unit='image', disable=True if quiet else None)
    for name, sample in bar:
        _write_sample(out, name, sample)
    _write_lists(out, spec)
    _write_stamp(out, spec)
    return True


def _image_path(out: Path, name: str) -> Path:
    return out / IMAGES / f'{name}.jpg'


def _mask_path(out: Path, name: str) -> Path:
    return out / MASKS / f'{name}.png'


def _remove_earlier(out: Path) -> None:
    """Remove the stamp, the images and the masks of an earlier miniature set."""
    (out / STAMP_NAME).unlink(missing_ok=True)
    for folder, suffix in ((IMAGES, 'jpg'), (MASKS, 'png')):
        for path in (out / folder).glob(f'{NAME_STEM}*.{suffix}'):
            path.unlink()


def _write_sample(out: Path, name: str, sample: DrawnImage) -> None:
    """Write an image as JPEG with full colour resolution and its labels as palette PNG."""
    image = Image.fromarray(sample.image)
    image.save(_image_path(out, name), quality=JPEG_QUALITY, subsampling=0)
    mask = Image.fromarray(sample.label).convert('P')
    mask.putpalette(np.array(voc_palette(), np.uint8).tobytes())
    mask.save(_mask_path(out, name))


def _write_lists(out: Path, spec: MiniVoc) -> None:
    """Write the lists of the splits and of the classes, one name per line."""
    lists = {**spec.names, 'trainval': [*spec.names['train'], *spec.names['val']]}
    for split, names in lists.items():
        _write_lines(out / LISTS / f'{split}.txt', names)
    _write_lines(out / 'classes.txt', VOC_CLASSES)


def _write_lines(path: Path, lines: list[str] | tuple[str, ...]) -> None:
    path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')


def _write_stamp(out: Path, spec: MiniVoc) -> None:
    """Write the stamp, after all other files and atomically: a folder with it is complete."""
    with placing(out / STAMP_NAME) as partial:
        partial.write_text(spec.stamp, encoding='utf-8')
