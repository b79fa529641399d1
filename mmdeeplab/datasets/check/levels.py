"""Map the grey values of a mask to class ids, also those on the soft edges between classes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX

EVEN = 2  # grey levels that divide 0..255 evenly may differ by
REACH = 5  # side of the window in which an edge pixel looks for its class


def has_holes(values: Iterable[int]) -> bool:
    """Whether some ids below the largest one do not occur; void (255) does not count."""
    ids = {value for value in values if value != IGNORE_INDEX}
    return bool(ids) and ids != set(range(len(ids)))


def ids_by_rank(values: list[int]) -> dict[int, int]:
    """Ids by rank of sorted grey values; 255 is void unless the values divide 0..255 evenly."""
    count = len(values)
    even = count > 1 and all(
        abs(value - IGNORE_INDEX * i / (count - 1)) <= EVEN for i, value in enumerate(values)
    )
    if max(values) > IGNORE_INDEX or even:
        return {value: i for i, value in enumerate(values)}
    classes = [value for value in values if value != IGNORE_INDEX]
    ids = {value: i for i, value in enumerate(classes)}
    return ids | ({IGNORE_INDEX: IGNORE_INDEX} if IGNORE_INDEX in values else {})


def grey_values(pixels: np.ndarray, path: Path) -> np.ndarray:
    """The grey values (H, W) of a mask's pixels, (H, W) or (H, W, channels) with equal channels.

    Raises:
        UserError: The mask is in colour, or its values are not integers.
    """
    if pixels.ndim == 3:
        colours = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1]
        if (colours != colours[..., :1]).any():
            raise UserError(f'the mask {path} is in colour; see --colours')
        pixels = colours[..., 0]
    values = pixels.astype(np.int64)
    if (values != pixels).any():
        raise UserError(f'the mask {path} holds numbers that are not whole')
    return values


def ids_of_levels(values: np.ndarray, ids: Mapping[int, int]) -> np.ndarray:
    """Convert grey values to class ids (H, W).

    A value that stands for no class lies on a soft edge. It gets the class, among those within two
    pixels, whose value is nearest, so that no third class appears between two.

    Args:
        values: (H, W) integers.
        ids: Class ids by the values that stand for a class.
    """
    result = np.full(values.shape, -1, np.int64)
    for value, i in ids.items():
        result[values == value] = i
    edge = result < 0
    if edge.any():
        nearby = _nearest(values, ids, edge, REACH)
        result[edge] = np.where(nearby >= 0, nearby, _nearest(values, ids, edge, None))[edge]
    return result


def _nearest(
    values: np.ndarray, ids: Mapping[int, int], edge: np.ndarray, reach: int | None
) -> np.ndarray:
    """Id of the nearest value within ``reach`` pixels of each edge pixel; -1 if there is none."""
    best = np.full(values.shape, np.inf)
    result = np.full(values.shape, -1, np.int64)
    for value, i in ids.items():
        distance = np.abs(values - value).astype(np.float64)
        if reach is not None:
            value_mask = (values == value).astype(np.uint8)
            distance[cv2.dilate(value_mask, np.ones((reach, reach), np.uint8)) == 0] = np.inf
        closer = edge & (distance < best)
        best[closer], result[closer] = distance[closer], i
    return result
