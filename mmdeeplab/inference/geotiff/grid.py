"""The grid of a GeoTIFF: its size, and where its pixels lie; files that have the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdeeplab.errors import UserError

BLOCK = 256  # side of the tiles of files that are written
CACHE = 128 << 20  # bytes that GDAL may keep of blocks
VOID = 255


@dataclass(frozen=True, eq=False)
class Grid:
    """Size and place of a raster.

    Attributes:
        height: In pixels.
        width: In pixels.
        place: ``crs`` and ``transform``, or ``gcps``, and ``rpcs``, as rasterio takes them.
        point: Whether a coordinate means the middle of a pixel (``AREA_OR_POINT``).
        valid: (H, W) bool, where the file has values; None where it has them everywhere.
    """

    height: int
    width: int
    place: Mapping[str, Any]
    point: bool = False
    valid: np.ndarray | None = None

    def create(self, create: Callable, bands: int, **profile: Any) -> Any:
        """A raster of uint8 on this grid to write to: a GeoTIFF in packed tiles.

        Args:
            create: ``rasterio.open`` of a path in mode ``w``, or the ``open`` of a file in memory.
            bands: How many.
            profile: More of what rasterio takes.
        """
        dataset = create(
            driver='GTiff', dtype='uint8', count=bands, height=self.height, width=self.width,
            tiled=True, blockxsize=BLOCK, blockysize=BLOCK, compress='deflate',
            bigtiff='IF_SAFER', **self.place, **profile,
        )  # fmt: skip
        if self.point:
            dataset.update_tags(AREA_OR_POINT='Point')
        return dataset


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """A raster by rasterio, whose memory for blocks is bounded.

    Raises:
        UserError: It cannot be opened; the message names it.
    """
    import rasterio

    with reading(path), rasterio.Env(GDAL_CACHEMAX=CACHE), rasterio.open(path) as dataset:
        yield dataset


@contextmanager
def reading(path: object) -> Iterator[None]:
    """An error of rasterio as a sentence about the file that is read.

    Raises:
        UserError: In its place.
    """
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(f'the image {path} is broken, or no GeoTIFF: {reason}') from None


def read_grid(path: str | Path) -> Grid:
    """The grid of a file, with the pixels that it declares to have no values.

    Raises:
        UserError: It cannot be read.
    """
    with opened(path) as dataset:
        return grid_of(dataset, valid_pixels(dataset, 0, dataset.height))


def require_size(grid: Grid, size: tuple[int, ...], path: object) -> None:
    """Refuse a picture (H, W) that does not lie on its grid as the file stores it.

    Raises:
        UserError: With the way out.
    """
    if tuple(size) != (grid.height, grid.width):
        raise UserError(
            f'{path} has a tag that turns it, so that its coordinates are not those of what is '
            'seen: write it without the tag Orientation'
        )


def require_transform(grid: Grid, path: object) -> None:
    """Refuse a grid on which corners of pixels have no coordinates.

    Raises:
        UserError: With the way out.
    """
    if 'transform' not in grid.place:
        raise UserError(
            f'{path} has tie points or polynomials alone, by which no polygon has coordinates: '
            'gdalwarp brings it onto a grid'
        )


def grid_of(dataset: Any, valid: np.ndarray | None = None) -> Grid:
    """The grid of an open raster."""
    points, crs = dataset.gcps
    place = dict(gcps=points, crs=crs) if points else dict(crs=dataset.crs)
    if not points and not dataset.transform.is_identity:
        place['transform'] = dataset.transform
    if dataset.rpcs is not None:
        place['rpcs'] = dataset.rpcs
    point = dataset.tags().get('AREA_OR_POINT') == 'Point'
    return Grid(dataset.height, dataset.width, place=place, point=point, valid=valid)


def valid_pixels(dataset: Any, top: int, rows: int) -> np.ndarray | None:
    """(rows, W) bool: where some band is not the file's ``nodata``; None where it names none."""
    if dataset.nodata is None:
        return None
    from rasterio.windows import Window

    with reading(dataset.name):
        return dataset.dataset_mask(window=Window(0, top, dataset.width, rows)) > 0
