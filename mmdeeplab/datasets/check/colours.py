"""Map the colours of a mask to class ids."""

from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

Colour = tuple[int, int, int]


def voc_colours(classes: tuple[str, ...]) -> dict[Colour, int]:
    """Class ids by VOC's colours, void included; empty if the classes are not VOC's."""
    if classes != VOC_CLASSES:
        return {}
    palette = voc_palette()
    return {palette[i]: i for i in (*range(len(classes)), IGNORE_INDEX)}


def mapping(
    counts: dict[str, int], class_ids: dict[Colour, int], classes: int
) -> tuple[dict[Colour, int], list[Colour]]:
    """Ids of the colours of one mask, and the colours that have none.

    Some tools write ids as grey colours. So if all of a mask is grey and every grey value is a
    class or void, the colours that ``class_ids`` lacks are taken as ids.

    Args:
        counts: Numbers of pixels by colour, 'R,G,B'.
        class_ids: Class ids by colour.
        classes: Number of classes.
    """
    colours: list[Colour] = []
    for text in counts:
        red, green, blue = map(int, text.split(','))
        colours.append((red, green, blue))
    strange = [colour for colour in colours if colour not in class_ids]
    if not strange:
        return {colour: class_ids[colour] for colour in colours}, []
    if all(r == g == b and (r < classes or r == IGNORE_INDEX) for r, g, b in colours):
        return {colour: colour[0] for colour in colours}, []
    return {colour: class_ids[colour] for colour in colours if colour in class_ids}, strange
