"""Copies of masks that hold class ids, where the originals hold colours, or 0 and 255."""

from dataclasses import replace
from pathlib import Path

from mmdeeplab.check.colours import Colour
from mmdeeplab.check.fix import as_png, write_masks
from mmdeeplab.check.report import Look, Report
from mmdeeplab.datasets.files import VOID
from mmdeeplab.errors import UserError
from mmdeeplab.new_config.layout import Layout
from mmdeeplab.new_config.pairs import Pairs
from mmdeeplab.voc_names import VOC_CLASSES


def mend(layout: Layout, looks: list[Look], out: Path, colours: dict[Colour, int] | None) -> Layout:
    """Write every mask, mended or as it is, to ``out/SPLIT/FOLDER``.

    Two classes where the masks are of 0 and 255; VOC's where they are in colour and no colours are
    named.

    Returns:
        The layout with the new masks.

    Raises:
        UserError: Some cannot be mended; the first ones are named.
    """
    parts: list[Pairs] = []
    coloured = any(sample.colours for one in looks for sample in one.samples.values())
    if colours:
        count = len({i for i in colours.values() if i != VOID})
    else:
        count = len(VOC_CLASSES) if coloured else 2
    names = VOC_CLASSES if count == len(VOC_CLASSES) else tuple(map(str, range(count)))
    for one, pairs in zip(looks, (layout.train, layout.val), strict=True):
        known = Look(replace(one.source, classes=names), one.ids, one.samples)
        folder = out / one.source.role
        _, failed = write_masks(Report(looks=[known]), folder, colours)
        if failed:
            more = f'; and {len(failed) - 1} more' if len(failed) > 1 else ''
            raise UserError(f'--mend: {failed[0]}{more}')
        suffixes = tuple(dict.fromkeys(map(as_png, pairs.mask_suffixes)))
        parts.append(replace(pairs, masks=folder / pairs.masks.name, mask_suffixes=suffixes))
    return replace(layout, train=parts[0], val=parts[1])
