"""Label maps, colours and overlays as GeoTIFFs, block by block from the top."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmdeeplab.inference.geotiff.grid import BLOCK, CACHE, VOID, Grid
from mmdeeplab.inference.geotiff.polygons import features, write_features
from mmdeeplab.inference.segmentation import Segmentation, blend
from mmdeeplab.visualization.colorize import colour

Rows = Callable[[int, int], Any]
"""Something of so many rows from a first one on."""


def create(
    output: str, make: Callable, grid: Grid, classes: Sequence[str], palette: Sequence
) -> Any:
    """The raster of one output to write to; ``make`` as :meth:`Grid.create` takes it."""
    if output != 'masks':
        return grid.create(make, 3, photometric='RGB')
    dataset = grid.create(make, 1, nodata=VOID)
    dataset.write_colormap(1, {i: (*map(int, rgb), 255) for i, rgb in enumerate(palette)})
    dataset.update_tags(**{f'CLASS_{i}': name for i, name in enumerate(classes)})
    return dataset


def blocks(rows: Iterable[np.ndarray], height: int = BLOCK) -> Iterator[np.ndarray]:
    """The same rows (n, W), ``height`` at a time, so that no tile is written twice."""
    waiting: list[np.ndarray] = []
    for some in rows:
        waiting.append(some)
        if sum(map(len, waiting)) >= height:
            together = np.concatenate(waiting)
            full = len(together) // height * height
            for top in range(0, full, height):
                yield together[top : top + height]
            waiting = [together[full:]]
    if waiting and len(rest := np.concatenate(waiting)):
        yield rest


def write_rows(
    datasets: Mapping[str, Any],
    rows: Iterable[np.ndarray],
    palette: Sequence[Sequence[int]],
    shown: Rows,
    valid: Rows,
) -> None:
    """Fill the rasters of some outputs.

    Args:
        datasets: By output: ``masks``, ``color``, ``overlay``.
        rows: Labels (n, W) uint8 from the top.
        palette: RGB of each class.
        shown: The picture (n, W, 3) uint8.
        valid: Where the picture has values, (n, W) bool; None: everywhere. Elsewhere is void.
    """
    from rasterio.windows import Window

    top = 0
    for labels in blocks(rows):
        count, width = labels.shape
        if (known := valid(top, count)) is not None:
            labels = np.where(known, labels, np.uint8(VOID))
        for output, dataset in datasets.items():
            bands = labels[None]
            if output != 'masks':
                colours = colour(labels, palette)
                drawn = blend(shown(top, count), colours) if output == 'overlay' else colours
                bands = drawn.transpose(2, 0, 1)
            dataset.write(bands, window=Window(0, top, width, count))
        top += count


def encode(output: str, result: Segmentation, grid: Grid) -> bytes:
    """The bytes of the file of one output of a whole picture on its grid.

    Args:
        output: ``masks``, ``color``, ``overlay`` or ``geojson``.
        result: The prediction.
        grid: Of the picture's size.
    """
    import rasterio
    from rasterio.io import MemoryFile

    if output == 'geojson':
        text = io.StringIO()
        labels = result.labels
        if grid.valid is not None:
            labels = np.where(grid.valid, labels, np.uint8(VOID))
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
