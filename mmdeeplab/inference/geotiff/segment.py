"""A raster of any size segmented by windows, read and written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mmdeeplab.datasets.image_io import MAX_PIXELS
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.inference.geotiff.centre_crops import label_rows
from mmdeeplab.inference.geotiff.grid import grid_of, opened, require_transform, valid_pixels
from mmdeeplab.inference.geotiff.picture import RasterPicture, reads_by_windows
from mmdeeplab.inference.geotiff.polygons import features, write_features
from mmdeeplab.inference.geotiff.write import create, write_rows
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.inference.save_formats import GEODATA
from mmdeeplab.inference.sliding import SlidingWindows


def is_cut(predictor: DeepLabPredictor, path: Path) -> bool:
    """Whether a raster is too large for one pass, and is read by windows.

    Raises:
        UserError: It cannot be read.
    """
    model = predictor.model
    with opened(path) as dataset:
        height, width = dataset.height, dataset.width
        large = isinstance(model, SlidingWindows) and model.mode != 'slide'
        large = large and (height * width > MAX_PIXELS or model.cuts(height, width))
        return large and reads_by_windows(dataset, predictor.pixels, predictor.bands)


def segment_raster(predictor: DeepLabPredictor, path: Path, files: Mapping[str, Path]) -> None:
    """Write a GeoTIFF's labels, colours, overlay or polygons; each file appears complete.

    The picture is read and written piece by piece. In memory are the windows of one pass of the
    network and a row of windows' labels, and for ``geojson`` the corners of all polygons.

    Args:
        predictor: The network, with windows (any mode but ``whole``).
        path: A GeoTIFF with the bands and the depth that the network takes.
        files: By output, of :data:`mmdeeplab.inference.save_formats.GEODATA`.

    Raises:
        UserError: It cannot be read, or a file cannot be written, or an output needs the whole
            picture.
    """
    model = predictor.model
    if predictor.crf is not None:
        raise UserError(f'{path} is cut into windows, and --crf needs whole pictures: leave it out')
    if whole := [output for output in files if output not in GEODATA]:
        raise UserError(
            f'{path} is cut into windows, of which there is no {", ".join(whole)}: save '
            f'{",".join(GEODATA)}'
        )
    assert isinstance(model, SlidingWindows)
    with ExitStack() as stack:
        dataset = stack.enter_context(opened(path))
        picture = RasterPicture(dataset, predictor.pixels, predictor.bands)
        if 'geojson' in files:
            require_transform(grid_of(dataset), path)
        beside = {name: stack.enter_context(placing(file)) for name, file in files.items()}
        polygons = beside.pop('geojson', None)
        if 'masks' not in beside and polygons:
            folder = stack.enter_context(TemporaryDirectory(dir=polygons.parent, prefix='.tmp-'))
            beside['masks'] = Path(folder) / 'labels.tif'
        _write(predictor, picture, label_rows(model, picture, path), beside)
        if polygons:
            _write_polygons(polygons, beside['masks'], predictor)


def _write(
    predictor: DeepLabPredictor,
    picture: RasterPicture,
    rows: Iterator[np.ndarray],
    files: Mapping[str, Path],
) -> None:
    import rasterio

    grid = grid_of(picture.dataset)
    with ExitStack() as stack:
        made = {}
        for output, path in files.items():
            make = partial(rasterio.open, path, 'w')
            new = create(output, make, grid, predictor.classes, predictor.palette)
            made[output] = stack.enter_context(new)
        valid = partial(valid_pixels, picture.dataset)
        write_rows(made, rows, predictor.palette, picture.shown, valid)


def _write_polygons(file: Path, labels: Path, predictor: DeepLabPredictor) -> None:
    import rasterio

    with opened(labels) as dataset, file.open('w', encoding='utf-8') as text:
        found = features(rasterio.band(dataset, 1), grid_of(dataset).place, predictor.classes)
        write_features(text, found)
