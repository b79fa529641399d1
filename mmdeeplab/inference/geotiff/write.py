"""Write label maps, colours and overlays as GeoTIFFs, block by block from the top."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmdeeplab.inference.geotiff.grid import BLOCK, CACHE, Grid
from mmdeeplab.inference.geotiff.polygons import features, write_features
from mmdeeplab.inference.segmentation import Segmentation, blend
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.visualization.colorize import colour

Rows = Callable[[int, int], Any]
"""(first row, number of rows) -> an array with these rows, or None."""


def create(
    output: str, make: Callable, grid: Grid, classes: Sequence[str], palette: Sequence
) -> Any:
    """Create the raster of one output; ``make`` is the ``create`` of :meth:`Grid.create`."""
    if output != 'masks':
        return grid.create(make, 3, photometric='RGB')
    dataset = grid.create(make, 1, nodata=IGNORE_INDEX)
    dataset.write_colormap(1, {i: (*map(int, rgb), 255) for i, rgb in enumerate(palette)})
    dataset.update_tags(**{f'CLASS_{i}': name for i, name in enumerate(classes)})
    return dataset


def blocks(rows: Iterable[np.ndarray], height: int = BLOCK) -> Iterator[np.ndarray]:
    """Regroup rows (n, W) into pieces of ``height`` rows, so that each tile is written once."""
    waiting: list[np.ndarray] = []
    for piece in rows:
        waiting.append(piece)
        if sum(map(len, waiting)) >= height:
            together = np.concatenate(waiting)
            full = len(together) // height * height
            for top in range(0, full, height):
                yield together[top : top + height]
            waiting = [together[full:]]
    if waiting and len(remainder := np.concatenate(waiting)):
        yield remainder


def write_rows(
    datasets: Mapping[str, Any],
    rows: Iterable[np.ndarray],
    palette: Sequence[Sequence[int]],
    shown: Rows,
    valid: Rows,
) -> None:
    """Fill the rasters of some outputs.

    Args:
        datasets: The rasters by output: ``masks``, ``color``, ``overlay``.
        rows: Pieces of the labels (n, W) uint8 from the top.
        palette: RGB of each class.
        shown: Gives rows of the picture, (n, W, 3) uint8.
        valid: Gives where rows of the picture have values, (n, W) bool; other pixels become void.
            None stands for everywhere.
    """
    from rasterio.windows import Window

    top = 0
    for labels in blocks(rows):
        count, width = labels.shape
        if (valid_pixels := valid(top, count)) is not None:
            labels = np.where(valid_pixels, labels, np.uint8(IGNORE_INDEX))
        for output, dataset in datasets.items():
            bands = labels[None]
            if output != 'masks':
                colours = colour(labels, palette)
                drawn = blend(shown(top, count), colours) if output == 'overlay' else colours
                bands = drawn.transpose(2, 0, 1)
            dataset.write(bands, window=Window(0, top, width, count))
        top += count


def encode(output: str, result: Segmentation, grid: Grid) -> bytes:
    """The contents of the file of one output of a whole picture.

    Args:
        output: ``masks``, ``color``, ``overlay`` or ``geojson``.
        result: The prediction.
        grid: The picture's grid.
    """
    import rasterio
    from rasterio.io import MemoryFile

    if output == 'geojson':
        text = io.StringIO()
        labels = result.labels
        if grid.valid is not None:
            labels = np.where(grid.valid, labels, np.uint8(IGNORE_INDEX))
        write_features(text, features(labels, grid.place, result.classes))
        return text.getvalue().encode()
    with rasterio.Env(GDAL_CACHEMAX=CACHE), MemoryFile(ext='.tif') as memory:
        with create(output, memory.open, grid, result.classes, result.palette) as dataset:
            write_rows(
                {output: dataset},
                [result.labels],
                result.palette,
                lambda top, count: result.image[top : top + count],
                lambda top, count: None if grid.valid is None else grid.valid[top : top + count],
            )
        return memory.read()
