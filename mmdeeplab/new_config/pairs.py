"""Which image belongs to which mask, by their names."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.datasets.split_list import PICTURE_SUFFIXES
from mmdeeplab.errors import UserError

IMAGE_ENDINGS = ('', '_image', '_img', '_leftImg8bit', '_sat')
MASK_ENDINGS = (
    '', '_mask', '-mask', '.mask', '_label', '_labels', '_gt', '_seg', '_segmentation', '_L',
    '_gtFine_labelTrainIds', '_gtFine_labelIds',
)  # fmt: skip
"""What tools and data sets write between a common name and the suffix."""
NAMED = 3


@dataclass(frozen=True)
class Pairs:
    """Images and masks of one split.

    Attributes:
        images: Folder of the images.
        masks: Folder of the masks.
        image_suffix: End of an image's name behind its id, e.g. ``.jpg``.
        mask_suffix: The same of masks, e.g. ``_mask.png``.
        ids: Sorted; both files of each are there.
        notes: What was left out.
    """

    images: Path
    masks: Path
    image_suffix: str
    mask_suffix: str
    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()


def pair(images: Path, masks: Path) -> Pairs:
    """Match the files of two folders, which may be the same one.

    Of all suffixes and usual endings those that match most files are taken; masks are rather PNG.

    Raises:
        UserError: No image has a mask.
    """
    image_names, mask_names = pictures(images), pictures(masks)
    best: tuple[tuple[int, bool], str, str, frozenset[str]] = ((0, False), '', '', frozenset())
    for image_suffix in ends(image_names, IMAGE_ENDINGS):
        stems = {
            name.removesuffix(image_suffix) for name in image_names if ends_so(name, image_suffix)
        }
        for mask_suffix in ends(mask_names, MASK_ENDINGS):
            if images == masks and image_suffix == mask_suffix:
                continue
            found = frozenset(stem for stem in stems if f'{stem}{mask_suffix}' in mask_names)
            score = (len(found), mask_suffix.lower().endswith('.png'))
            if found and score > best[0]:
                best = (score, image_suffix, mask_suffix, found)
    _, image_suffix, mask_suffix, ids = best
    if not ids:
        raise UserError(
            f'no image of {images} ({_some(image_names)}) has a mask in {masks} '
            f'({_some(mask_names)}): both are called alike, e.g. street1.jpg and street1.png'
        )
    used = {f'{i}{image_suffix}' for i in ids} | {f'{i}{mask_suffix}' for i in ids}
    notes = []
    if image_names - used:
        notes.append(f'left out, without a mask of the same name: {_some(image_names - used)}')
    if images != masks and mask_names - used:
        notes.append(f'left out, masks without an image: {_some(mask_names - used)}')
    return Pairs(images, masks, image_suffix, mask_suffix, tuple(sorted(ids)), tuple(notes))


def pictures(folder: Path) -> frozenset[str]:
    """Names of the pictures in a folder."""
    files = folder.iterdir()
    return frozenset(path.name for path in files if path.suffix.lower() in PICTURE_SUFFIXES)


def ends(names: Iterable[str], endings: Iterable[str]) -> Iterator[str]:
    """Ending and suffix of names, e.g. ``_mask.png``; plain and frequent ones first."""
    suffixes = Counter(Path(name).suffix for name in sorted(names))
    for ending in endings:
        for suffix, _ in suffixes.most_common():
            yield f'{ending}{suffix}'


def ends_so(name: str, suffix: str) -> bool:
    return name.endswith(suffix) and len(name) > len(suffix)


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f' and {len(listed) - NAMED} more' if len(listed) > NAMED else ''
    return ', '.join(listed[:NAMED]) + more if listed else 'no picture'
