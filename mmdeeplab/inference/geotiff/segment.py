"""Segment a raster of any size by windows; it is read and written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mmdeeplab.console import one_line, progress
from mmdeeplab.datasets.image_io import MAX_PIXELS
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.input_files import native_path
from mmdeeplab.inference.geotiff.centre_crops import count_rows, label_rows
from mmdeeplab.inference.geotiff.grid import (
    grid_of,
    opened,
    read_grid,
    require_size,
    require_transform,
    valid_pixels,
)
from mmdeeplab.inference.geotiff.picture import RasterPicture, reads_by_windows
from mmdeeplab.inference.geotiff.polygons import features, write_features
from mmdeeplab.inference.geotiff.write import create, encode, write_rows
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.inference.save_formats import GEODATA
from mmdeeplab.inference.sliding import SlidingWindows


def is_cut(predictor: DeepLabPredictor, path: str | Path) -> bool:
    """Whether a raster is too large for one pass and must be read by windows.

    Raises:
        UserError: It cannot be read.
    """
    model = predictor.model
    with opened(path) as dataset:
        height, width = dataset.height, dataset.width
        large = isinstance(model, SlidingWindows) and model.mode != 'slide'
        large = large and (height * width > MAX_PIXELS or model.cuts(height, width))
        return large and reads_by_windows(dataset, predictor.pixels, predictor.bands)


def segment_raster(
    predictor: DeepLabPredictor, path: str | Path, files: Mapping[str, str | Path]
) -> None:
    """Segment a GeoTIFF and write its labels, colours, overlay or polygons as complete files.

    A picture that is too large for one pass is read and written piece by piece. In memory are the
    windows of one pass of the network, the labels of a row of windows, and for ``geojson`` the
    corners of all polygons.

    Args:
        predictor: The network; its mode says whether and how pictures are cut.
        path: A GeoTIFF with the bands and the depth that the network takes.
        files: The files to write, by output (:data:`mmdeeplab.inference.save_formats.GEODATA`).

    Raises:
        UserError: The picture cannot be read, a file cannot be written, or an output needs the
            whole picture.
    """
    targets = {output: Path(file) for output, file in files.items()}
    if not is_cut(predictor, path):
        _segment_whole(predictor, path, targets)
        return
    model = predictor.model
    if predictor.crf is not None:
        raise UserError(f'{path} is cut into windows, and --crf needs whole pictures: leave it out')
    if unsupported := [output for output in files if output not in GEODATA]:
        raise UserError(
            f'{path} is cut into windows, of which there is no {", ".join(unsupported)}: save '
            f'{",".join(GEODATA)}'
        )
    assert isinstance(model, SlidingWindows)
    with ExitStack() as stack:
        dataset = stack.enter_context(opened(path))
        picture = RasterPicture(dataset, predictor.pixels, predictor.bands)
        if 'geojson' in files:
            require_transform(grid_of(dataset), path)
        partial_files = {name: stack.enter_context(placing(file)) for name, file in targets.items()}
        polygons = partial_files.pop('geojson', None)
        if 'masks' not in partial_files and polygons:
            folder = stack.enter_context(TemporaryDirectory(dir=polygons.parent, prefix='.tmp-'))
            partial_files['masks'] = Path(folder) / 'labels.tif'
        count = count_rows(model, dataset.height)
        rows = label_rows(model, picture, path)
        shown = progress(rows, one_line(Path(path).name), count, 'rows of windows')
        _write(predictor, picture, shown, partial_files)
        if polygons:
            _write_polygons(polygons, partial_files['masks'], predictor)


def _segment_whole(
    predictor: DeepLabPredictor, path: str | Path, files: Mapping[str, Path]
) -> None:
    grid = read_grid(path)
    if 'geojson' in files:
        require_transform(grid, path)
    picture = predictor.read(path)
    require_size(grid, picture.shape[:2], path, predictor.pixels is None)
    (result,) = predictor.batch([picture])
    for output, file in files.items():
        on_grid = output in GEODATA
        content = encode(output, result, grid) if on_grid else result.encode(output)
        with placing(file) as partial_file:
            partial_file.write_bytes(content)


def _write(
    predictor: DeepLabPredictor,
    picture: RasterPicture,
    rows: Iterator[np.ndarray],
    files: Mapping[str, Path],
) -> None:
    import rasterio

    grid = grid_of(picture.dataset)
    with ExitStack() as stack:
        rasters = {}
        for output, path in files.items():
            make = partial(rasterio.open, native_path(path), 'w')
            raster = create(output, make, grid, predictor.classes, predictor.palette)
            rasters[output] = stack.enter_context(raster)
        valid = partial(valid_pixels, picture.dataset)
        write_rows(rasters, rows, predictor.palette, picture.shown, valid)


def _write_polygons(file: Path, labels: Path, predictor: DeepLabPredictor) -> None:
    import rasterio

    with opened(labels) as dataset, file.open('w', encoding='utf-8') as text:
        polygons = features(rasterio.band(dataset, 1), grid_of(dataset).place, predictor.classes)
        write_features(text, polygons)
