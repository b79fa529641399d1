"""Match images and masks by their names, trying the most frequent suffixes and affixes first."""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

IMAGE_AFFIXES = ('', '_image', '_img', '_leftImg8bit', '_sat', 'img_*', 'image_*')
MASK_AFFIXES = (
    '', '_mask', '-mask', '.mask', '_label', '_labels', '_gt', '_seg', '_segmentation', '_L',
    '_gtFine_labelTrainIds', '_gtFine_labelIds', '_labelTrainIds', '_labelIds', '-label', '-gt',
    '-seg', 'mask_*', 'label_*', 'gt_*', 'seg_*', 'mask-*', 'label-*',
)  # fmt: skip
"""What tools and data sets write between a common name and the suffix, or before the name."""


@dataclass
class Match:
    """The pairs found so far: image and mask by id, and the suffixes that were used."""

    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    suffixes: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))


def match_names(images: Iterable[str], masks: Iterable[str], same: bool) -> Match:
    """Pair the files of two folders, or of one (``same``); a file is in at most one pair."""
    match = Match()
    used_images: set[str] = set()
    used_masks = used_images if same else set()
    forms: tuple[Callable[[str], str], ...] = (str, composed)  # first as they are written
    for form in forms:
        images_by_suffix = by_suffix([n for n in images if n not in used_images], IMAGE_AFFIXES)
        masks_by_suffix = by_suffix([n for n in masks if n not in used_masks], MASK_AFFIXES)
        for image_suffix, mask_suffix in _ranked(images_by_suffix, masks_by_suffix, form, same):
            masks_by_form = {form(n): file for n, file in masks_by_suffix[mask_suffix].items()}
            for name, image in images_by_suffix[image_suffix].items():
                mask = masks_by_form.get(form(name))
                if mask is None or name in match.pairs:
                    continue
                if image in used_images or mask in used_masks:
                    continue
                match.pairs[name] = (image, mask)
                used_images.add(image)
                used_masks.add(mask)
                for suffixes, suffix in zip(
                    match.suffixes, (image_suffix, mask_suffix), strict=True
                ):
                    if suffix not in suffixes:
                        suffixes.append(suffix)
    return match


def _ranked(
    images: dict[str, dict[str, str]],
    masks: dict[str, dict[str, str]],
    form: Callable[[str], str],
    same: bool,
) -> list[tuple[str, str]]:
    """Pairs of an image's and a mask's suffix that match files, those with most files first."""
    ids = [
        {suffix: {form(name) for name in names} for suffix, names in side.items()}
        for side in (images, masks)
    ]
    counts = {
        (image_suffix, mask_suffix): len(of_images & of_masks)
        for image_suffix, of_images in ids[0].items()
        for mask_suffix, of_masks in ids[1].items()
        if not (same and image_suffix == mask_suffix)
    }
    occurring = [suffixes for suffixes, count in counts.items() if count]
    return sorted(occurring, key=lambda s: (-counts[s], not s[1].lower().endswith('.png')))


def by_suffix(names: Iterable[str], affixes: Iterable[str]) -> dict[str, dict[str, str]]:
    """The files by id, for each pattern of affix and suffix that occurs, in the affixes' order."""
    parts = [(name, PurePosixPath(name).stem, PurePosixPath(name).suffix) for name in sorted(names)]
    files: dict[str, dict[str, str]] = {}
    for affix in affixes:
        before, star, behind = affix.rpartition('*')
        for name, stem, suffix in parts:
            last = stem.removeprefix(before).removesuffix(behind)
            if not last or len(last) != len(stem) - len(before) - len(behind):
                continue
            folder, slash, _ = name.rpartition('/')
            pattern = f'{before}{star}{behind}{suffix}'
            files.setdefault(pattern, {})[f'{folder}{slash}{last}'] = name
    return files


def composed(name: str) -> str:
    """The Unicode form in which ``é`` is one character."""
    return unicodedata.normalize('NFC', name)
