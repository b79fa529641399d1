"""Write masks of class ids for a folder whose masks hold colours or grey levels."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mmdeeplab.datasets.check.colours import Colour
from mmdeeplab.datasets.check.fix import as_png, write_masks
from mmdeeplab.datasets.check.report import CheckedSource, Report
from mmdeeplab.datasets.discovery.layout import Layout
from mmdeeplab.datasets.discovery.levels import Levels, guess_levels
from mmdeeplab.datasets.discovery.pairs import Pairs
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.visualization.voc_palette import VOC_CLASSES


def mend(
    layout: Layout,
    checked: list[CheckedSource],
    out: Path,
    colours: dict[Colour, int] | None,
    renamed: Mapping[int, int],
) -> Layout:
    """Write every mask to ``out/SPLIT/FOLDER``, mended if it needs to be.

    Args:
        layout: The layout of the data.
        checked: What the check found in its samples.
        out: The folder to write to.
        colours: Ids by colour; by default VOC's, if the masks are in colour.
        renamed: Ids by grey value, if they are not those that :func:`guess_levels` finds.

    Returns:
        The layout with the new masks, and a note that tells which ids were written for what.

    Raises:
        UserError: Some masks cannot be mended; it names the first ones.
    """
    levels = None if colours else guess_levels(checked)
    if levels:
        levels = replace(levels, ids={**levels.ids, **renamed})
    ids = levels.ids.values() if levels else (colours or {}).values()
    count = max((i for i in ids if i != IGNORE_INDEX), default=len(VOC_CLASSES) - 1) + 1
    names = VOC_CLASSES if count == len(VOC_CLASSES) else tuple(map(str, range(count)))
    parts: list[Pairs] = []
    for checked_source, pairs in zip(checked, (layout.train, layout.val), strict=True):
        renamed_source = CheckedSource(
            replace(checked_source.source, classes=names),
            checked_source.ids,
            checked_source.samples,
        )
        folder = out / checked_source.source.role
        _, failed = write_masks(
            Report(checked=[renamed_source]),
            folder,
            colours,
            {} if levels else renamed,
            levels.ids if levels else None,
        )
        if failed:
            more = f'; and {len(failed) - 1} more' if len(failed) > 1 else ''
            raise UserError(f'--mend: {failed[0]}{more}')
        suffixes = tuple(dict.fromkeys(map(as_png, pairs.mask_suffixes)))
        parts.append(replace(pairs, masks=folder / pairs.masks.name, mask_suffixes=suffixes))
    notes = (*parts[0].notes, *([_note(levels)] if levels else []))
    return replace(layout, train=replace(parts[0], notes=notes), val=parts[1])


def _note(levels: Levels) -> str:
    edges = f', {levels.edges} values of edges by their neighbours' if levels.edges else ''
    return f'mended: {levels}{edges}; --map OLD=NEW says it otherwise'
