"""A raster whose pixels are read window by window, in the form of the network's pictures."""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.stored_images import check_bands, require_numbers
from mmdeeplab.inference.geotiff.grid import reading
from mmdeeplab.visualization.shown_bands import stretch, stretched

SHOWN = 1000  # side of the reduced picture by which a deep one is stretched


class RasterPicture:
    """A raster with the interface of a tensor from :func:`mmdeeplab.inference.predictor.as_input`.

    Its ``shape`` is (bands, H, W), and ``picture[:, a:b, c:d]`` reads these rows and columns.

    Args:
        dataset: A raster of rasterio.
        pixels: Bands and depth if the network takes them as stored; None: 8 bits, the first three
            bands become BGR.
        bands: Number of bands that the network takes.

    Raises:
        UserError: The raster has other bands or another depth; the message names it.
    """

    def __init__(self, dataset: Any, pixels: Pixels | None, bands: int) -> None:
        self.dataset, self.pixels = dataset, pixels
        stored = list(dataset.indexes)
        if pixels is not None:
            check_bands(len(stored), depth_of(dataset), pixels, dataset.name)
            self.bands = stored
        else:
            self.bands = [3, 2, 1, *stored[3:bands]] if len(stored) >= 3 else [1] * bands
        self.shape = len(self.bands), dataset.height, dataset.width

    def __getitem__(self, cut: tuple[slice, slice, slice]) -> Tensor:
        values = self._read(self.bands, cut[1], cut[2])
        if values.dtype == np.float32:
            require_numbers(values, self.dataset.name)
        return torch.from_numpy(values[cut[0]])

    def shown(self, top: int, rows: int) -> np.ndarray:
        """Some rows as an RGB picture (rows, W, 3) uint8 for people to look at.

        See :mod:`mmdeeplab.visualization.shown_bands`.
        """
        columns = slice(0, self.dataset.width)
        values = self._read(self._coloured, slice(top, top + rows), columns)
        if values.dtype != np.uint8:
            values = stretched(values, *self._limits)
        return np.ascontiguousarray(values.transpose(1, 2, 0))

    @property
    def _coloured(self) -> list[int]:
        """Indices of the bands that are shown as red, green and blue."""
        return [1, 2, 3] if self.dataset.count >= 3 else [1, 1, 1]

    @cached_property
    def _limits(self) -> tuple[float, float]:
        """The values shown as black and white, for pictures of more than 8 bits."""
        size = (min(side, SHOWN) for side in self.shape[1:])
        return stretch(self.dataset.read(self._coloured, out_shape=(3, *size)))

    def _read(self, bands: list[int], rows: slice, columns: slice) -> np.ndarray:
        from rasterio.windows import Window

        size = columns.stop - columns.start, rows.stop - rows.start
        with reading(self.dataset.name):
            return self.dataset.read(bands, window=Window(columns.start, rows.start, *size))


def depth_of(dataset: Any) -> str:
    """The type of the values of all bands; ``mixed`` if they differ."""
    (depth, *others) = set(dataset.dtypes)
    return 'mixed' if others else depth


def reads_by_windows(dataset: Any, pixels: Pixels | None, bands: int) -> bool:
    """Whether :class:`RasterPicture` gives the same values as reading the whole file."""
    if pixels is not None:
        return True  # other rasters are refused
    if depth_of(dataset) != 'uint8' or dataset.colorinterp[0].name == 'palette':
        return False
    structure = dataset.tags(ns='IMAGE_STRUCTURE') | dataset.tags(1, ns='IMAGE_STRUCTURE')
    if structure.get('MINISWHITE') or structure.get('NBITS'):
        return False  # white is not the largest value
    if bands != 3:
        return dataset.count == bands
    colours = [colour.name for colour in dataset.colorinterp[:3]]
    return dataset.count == 1 or (dataset.count in (3, 4) and colours == ['red', 'green', 'blue'])
