"""Find the mask of each image by their names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mmdeeplab.datasets.discovery.match import Match, match_names
from mmdeeplab.datasets.files_by_id import file_name
from mmdeeplab.errors import UserError, listed
from mmdeeplab.fileio.input_files import Listing, list_files

NAMED = 3
RARE_IMAGES = ('.npy',)
RARE_MASKS = ('.gif', '.npy')


@dataclass(frozen=True)
class Pairs:
    """Images and masks of one split.

    Attributes:
        images: Folder of the images.
        masks: Folder of the masks.
        image_suffixes: Suffixes of the images' names behind the id: ``('.jpg', '.JPG')``.
        mask_suffixes: Suffixes of the masks' names, ``*`` for the id: ``('mask_*.png',)``.
        ids: Sorted ids, each of which has both files.
        notes: Sentences about files that were left out.
    """

    images: Path
    masks: Path
    image_suffixes: tuple[str, ...]
    mask_suffixes: tuple[str, ...]
    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()


def pair(images: Path, masks: Path) -> Pairs:
    """Match the files of two folders, which may be the same one, and of their sub-folders.

    The combination of suffixes and usual affixes that matches most files is used first, with PNG
    masks before others; the remaining files are matched by the next one. NPY files are images, and
    GIF and NPY files masks, where a folder has no others.

    Raises:
        UserError: No image has a mask, two files differ only in their suffix, or a name cannot be
            written into a list.
    """
    same = images == masks
    listings = tuple(
        _pictures(folder, rare, recurse=not same)
        for folder, rare in ((images, RARE_IMAGES), (masks, RARE_MASKS))
    )
    image_names, mask_names = listings[0].names, listings[1].names
    match = match_names(image_names, mask_names, same)
    if not match.pairs:
        raise UserError(
            f'no image of {images} ({_found(listings[0])}) has a mask in {masks} '
            f'({_found(listings[1])}): both are called alike, e.g. street1.jpg and street1.png'
        )
    image_suffixes, mask_suffixes = match.suffixes
    _refuse_twins(match, 0, image_names, image_suffixes, images, same)
    _refuse_twins(match, 1, mask_names, mask_suffixes, masks, same)
    refuse_unwritable(match.pairs)
    return Pairs(
        images,
        masks,
        image_suffixes=tuple(image_suffixes),
        mask_suffixes=tuple(mask_suffixes),
        ids=tuple(sorted(match.pairs)),
        notes=tuple(_notes(match, images, masks, listings)),
    )


def _pictures(folder: Path, rare: tuple[str, ...], recurse: bool) -> Listing:
    """The pictures in a folder; if there is none, its files of other suffixes."""
    listing = list_files(folder, recurse=recurse)
    return listing if listing.names else list_files(folder, rare, recurse=True)


def _refuse_twins(
    match: Match, side: int, names: Iterable[str], suffixes: list[str], folder: Path, same: bool
) -> None:
    """Refuse a further file that could be the image or the mask of an id, too.

    Raises:
        UserError: There is one; it names both files.
    """
    pairs = match.pairs.values()
    used = {file for files in pairs for file in (files if same else files[side : side + 1])}
    unused = {name: _without_suffix(name) for name in names if name not in used}
    stems = {_without_suffix(files[side]): files for files in pairs} if unused else {}
    twins = [(name, stems[stem][side]) for name, stem in unused.items() if stem in stems]
    for name, files in match.pairs.items() if unused else ():
        others = (file_name(name, suffix) for suffix in suffixes)
        twins += [(other, files[side]) for other in others if other in unused]
    if twins:
        shown = '; '.join(f'{second} and {first}' for first, second in twins[:NAMED])
        more = f'; and {len(twins) - NAMED} more' if len(twins) > NAMED else ''
        file_role = ('image', 'mask')[side]
        raise UserError(
            f'{folder}: which {file_role} is meant? {shown}{more}: move or rename one of the two'
        )


def _without_suffix(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(''))


def refuse_unwritable(names: Iterable[str]) -> None:
    """Refuse ids that cannot be written as one line of UTF-8.

    Raises:
        UserError: It names the first one.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UserError(f'the name {name!a} is not UTF-8: rename the file') from None
        if '\n' in name or '\r' in name:
            raise UserError(f'the name {name!r} has an end of a line in it: rename the file')


def _notes(match: Match, images: Path, masks: Path, listings: tuple[Listing, ...]) -> Iterator[str]:
    """Sentences about the files that were left out, with their numbers."""
    used = {file for files in match.pairs.values() for file in files}
    used_images = used if images == masks else {files[0] for files in match.pairs.values()}
    used_masks = used if images == masks else {files[1] for files in match.pairs.values()}
    if unused := set(listings[0].names) - used_images:
        yield f'left out, without a mask of the same name: {_count(unused, "image")}'
    if images != masks and (unused := set(listings[1].names) - used_masks):
        yield f'left out, masks without an image or beside another one: {_count(unused, "mask")}'
    system = {*listings[0].system, *listings[1].system}
    if system:
        yield f"passed over, the system's or hidden: {_count(system, 'file')}"


def _count(names: Iterable[str], noun: str) -> str:
    ordered = sorted(names)
    return f'{len(ordered)} {noun}{"s" * (len(ordered) > 1)} ({_some(ordered)})'


def _some(names: Iterable[str]) -> str:
    return listed(sorted(names), NAMED)


def _found(listing: Listing) -> str:
    """The first pictures of a folder; if it has none, which other files are there."""
    if listing.names:
        return _some(listing.names)
    return f'no picture, but {_some(listing.others)}' if listing.others else 'no picture'
