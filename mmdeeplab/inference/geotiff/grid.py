"""The grid of a GeoTIFF (its size and the position of its pixels), and writing files on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import native_path
from mmdeeplab.inference.geotiff.coordinates import orientation

BLOCK = 256  # side of the tiles of files that are written
CACHE = 128 << 20  # bytes that GDAL may keep of blocks


@dataclass(frozen=True, eq=False)
class Grid:
    """Size and position of a raster.

    Attributes:
        height: Height in pixels.
        width: Width in pixels.
        place: ``crs`` and ``transform``, or ``gcps``, and ``rpcs``, as rasterio takes them.
        point: Whether coordinates are of the centres of pixels (``AREA_OR_POINT``).
        valid: (H, W) bool, True where the file has values; None if it has them everywhere.
    """

    height: int
    width: int
    place: Mapping[str, Any]
    point: bool = False
    valid: np.ndarray | None = None

    def create(self, create: Callable, bands: int, **profile: Any) -> Any:
        """Create a GeoTIFF of uint8 on this grid, in compressed tiles, to write to.

        Args:
            create: ``rasterio.open`` for a path in mode ``w``, or ``open`` of a file in memory.
            bands: Number of bands.
            profile: Further arguments for rasterio.
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
    """Open a raster by rasterio, with a bounded cache for blocks.

    Raises:
        UserError: It cannot be opened; the message names it.
    """
    import rasterio

    name = native_path(path, 'image')
    with reading(path), rasterio.Env(GDAL_CACHEMAX=CACHE), rasterio.open(name) as dataset:
        yield dataset


@contextmanager
def reading(path: object) -> Iterator[None]:
    """Turn errors of rasterio in the block into a sentence about the file that is read.

    Raises:
        UserError: In place of an error of rasterio.
    """
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(f'the image {path} is broken, or no GeoTIFF: {reason}') from None


def read_grid(path: str | Path) -> Grid:
    """Read the grid of a file, and which of its pixels have values.

    Raises:
        UserError: It cannot be read.
    """
    with opened(path) as dataset:
        return grid_of(dataset, valid_pixels(dataset, 0, dataset.height))


def require_size(grid: Grid, size: tuple[int, ...], path: str | Path, turns: bool) -> None:
    """Refuse a picture that does not lie on its grid, as when EXIF rotates or mirrors it.

    Args:
        grid: The grid.
        size: (H, W) of the picture.
        path: The picture's file.
        turns: Whether the picture was turned as its tag Orientation says.

    Raises:
        UserError: It names the way out.
    """
    if tuple(size) != (grid.height, grid.width) or (turns and orientation(path) != 1):
        raise UserError(
            f'{path} has a tag that turns it, so that its coordinates are not those of what is '
            'seen: write it without the tag Orientation'
        )


def require_transform(grid: Grid, path: object) -> None:
    """Refuse a grid without an affine transformation from pixels to coordinates.

    Raises:
        UserError: It names the way out.
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
    """Where some band differs from the file's ``nodata``: (rows, W) bool; None without nodata."""
    if dataset.nodata is None:
        return None
    from rasterio.windows import Window

    with reading(dataset.name):
        return dataset.dataset_mask(window=Window(0, top, dataset.width, rows)) > 0
