"""Segment many files: existing results are kept, and unreadable files are reported at the end."""

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from time import perf_counter

import numpy as np

from mmdeeplab.checkpoint.key_prefixes import say
from mmdeeplab.console import one_line, progress
from mmdeeplab.errors import UserError
from mmdeeplab.inference import video
from mmdeeplab.inference.geotiff.coordinates import INSTALL, has_coordinates
from mmdeeplab.inference.geotiff.grid import Grid, read_grid, require_size, require_transform
from mmdeeplab.inference.geotiff.segment import is_cut, segment_raster
from mmdeeplab.inference.images import picture_pixels
from mmdeeplab.inference.inputs import Input, Inputs
from mmdeeplab.inference.outputs import Outputs, Source, source_of
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.picture_threads import chunks, in_order

OF_NAMES = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ)


def segment_files(
    predictor: DeepLabPredictor,
    inputs: Inputs,
    outputs: Outputs,
    batch_size: int,
    passed: str = '',
) -> list[str]:
    """Segment the inputs that have no results yet, and print how many there were.

    Args:
        predictor: The network.
        inputs: Images and films.
        outputs: Where the results go.
        batch_size: Number of images in one pass of the network.
        passed: Text about files that were skipped.

    Returns:
        A sentence for every input that could not be segmented.

    Raises:
        UserError: Results cannot be written: the disk is full, or there is no permission.
    """
    start = perf_counter()
    failed: list[str] = []
    left = PendingInputs(inputs, outputs, predictor)
    made = segment_images(predictor, left.images(), outputs, batch_size, failed)
    made += segment_rasters(predictor, left.cut, outputs, failed)
    made += segment_films(predictor, left.films(), outputs, batch_size, failed)
    notice = f' ({left.done} were there already)' if left.done else ''
    rate = f'; {made / (perf_counter() - start):.3g} images a second' if made else ''
    count = len(inputs) - left.done - len(failed)
    print(f'{count} of {len(inputs)} inputs segmented into {outputs.folder}{notice}{passed}{rate}')
    return failed


class PendingInputs:
    """The inputs that have no results yet, found while iterating.

    Attributes:
        done: Number of inputs, of those seen so far, that have results.
        cut: The images with coordinates, of those seen so far, that are read by windows.
    """

    def __init__(self, inputs: Inputs, outputs: Outputs, predictor: DeepLabPredictor) -> None:
        self.inputs, self.outputs, self.done = inputs, outputs, 0
        self.predictor = predictor
        self.cut: list[Input] = []
        self._told = False

    def images(self) -> Iterator[Input]:
        """The images without results, with progress."""
        shown = progress(self.inputs, 'segmenting', len(self.inputs), 'inputs')
        for one in self._left(one for one in shown if not one.is_video):
            if self._is_cut(one):
                self.cut.append(one)
            else:
                yield one

    def films(self) -> Iterator[Input]:
        """The films without results."""
        return self._left(one for one in self.inputs if one.is_video)

    def _is_cut(self, one: Input) -> bool:
        if not one.has_coordinates:
            self._tell_of_rasterio(one)
            return False
        with suppress(UserError):  # reading it reports the error
            return is_cut(self.predictor, one.path)
        return False

    def _tell_of_rasterio(self, one: Input) -> None:
        if not self._told and has_coordinates(one.path):
            self._told = True
            say(f'{one.path} has coordinates, which results have where rasterio is: {INSTALL}')

    def _left(self, inputs: Iterable[Input]) -> Iterator[Input]:
        for one in inputs:
            if done(one, self.outputs):
                self.done += 1
            else:
                yield one


def segment_images(
    predictor: DeepLabPredictor,
    images: Iterable[Input],
    outputs: Outputs,
    batch_size: int,
    failed: list[str],
) -> int:
    """Segment images; return the number of those whose results were written."""
    made = 0
    answers = in_order(
        partial(segment_batch, predictor, outputs),
        chunks(images, batch_size),
        pixels_of,
        predictor.shares_cores,
    )
    with closing(answers):
        for one, source, result in chain.from_iterable(answers):
            try:
                if isinstance(result, UserError):
                    failed.append(str(result) + without_stale(one, outputs))
                else:
                    outputs.write(one.name, result, source, one.has_coordinates)
                    made += 1
            except UserError as error:
                failed.append(about_its_name(one, error))
    return made


def segment_batch(
    predictor: DeepLabPredictor, outputs: Outputs, inputs: list[Input]
) -> list[tuple[Input, Source, list[bytes] | UserError]]:
    """For each image the contents of its result files, or the reason why it cannot be read.

    Images that are padded to the same size go through the network together.
    """
    sources = [source_of(one.path) for one in inputs]
    pictures: dict[int, np.ndarray] = {}
    grids: dict[int, Grid | None] = {}
    contents: list[list[bytes] | UserError] = []
    for number, one in enumerate(inputs):
        contents.append([])
        try:
            grids[number] = grid_for(one, outputs)
            pictures[number] = predictor.read(one.path)
            if grid := grids[number]:
                require_size(grid, pictures[number].shape[:2], one.path)
        except UserError as error:
            contents[number] = error
    sizes = {number: predictor.padded_size(picture) for number, picture in pictures.items()}
    for size in dict.fromkeys(sizes.values()):
        batch = [number for number in pictures if sizes[number] == size]
        results = predictor.batch([pictures[number] for number in batch])
        for number, result in zip(batch, results, strict=True):
            one, grid = inputs[number], grids[number]
            contents[number] = outputs.encode(one.name, result, sources[number], grid)
    return list(zip(inputs, sources, contents, strict=True))


def pixels_of(inputs: list[Input]) -> int:
    """Number of pixels of all images together, by their headers; unreadable ones count as 0."""
    return sum(picture_pixels(one.path) for one in inputs)


def grid_for(one: Input, outputs: Outputs) -> Grid | None:
    """The grid of a picture with coordinates; None for others.

    Raises:
        UserError: GeoJSON polygons are wanted of a picture without coordinates.
    """
    polygons = 'geojson' in outputs.wanted
    if one.has_coordinates:
        grid = read_grid(one.path)
        if polygons:
            require_transform(grid, one.path)
        return grid
    if polygons:
        why = f'rasterio is missing: {INSTALL}' if has_coordinates(one.path) else 'it is no GeoTIFF'
        raise UserError(
            f'{one.path}: --save geojson needs coordinates, and {why}; coco and labelme are '
            'polygons in pixels'
        )
    return None


def segment_rasters(
    predictor: DeepLabPredictor, rasters: Iterable[Input], outputs: Outputs, failed: list[str]
) -> int:
    """Segment pictures with coordinates by windows; return the number that were written."""
    made = 0
    for one in rasters:
        source = source_of(one.path)
        files = {output: outputs.path(output, one.name, True) for output in outputs.wanted}
        try:
            segment_raster(predictor, one.path, files)
            outputs.keep(list(files.values()), source)
            outputs.remove_stale(outputs.every_path(one.name), source)
            made += 1
        except UserError as error:
            failed.append(failure(one, error, outputs))
    return made


def segment_films(
    predictor: DeepLabPredictor,
    films: Iterable[Input],
    outputs: Outputs,
    batch_size: int,
    failed: list[str],
) -> int:
    """Segment films; return the number of frames that were written."""
    made = 0
    for one in films:
        try:
            grid_for(one, outputs)
            count = video.segment_video(predictor, one, outputs, batch_size)
            print(f'{one_line(str(one.path))}: {count} frames')
            made += count
        except UserError as error:
            failed.append(failure(one, error, outputs))
    return made


def done(one: Input, outputs: Outputs) -> bool:
    """Whether all results of an input exist and were made from its present content."""
    if one.is_video:
        return outputs.done(video.last_files(one.name, outputs), one.path)
    on_grid = one.has_coordinates
    files = [outputs.path(output, one.name, on_grid) for output in outputs.wanted]
    return outputs.done(files, one.path)


def failure(one: Input, error: UserError, outputs: Outputs) -> str:
    """The sentence about an input that could not be segmented; its old results are removed.

    Raises:
        UserError: ``error``, if other results cannot be written either, as on a full disk.
    """
    words = about_its_name(one, error) if error.__cause__ else str(error)
    return words + without_stale(one, outputs)


def without_stale(one: Input, outputs: Outputs) -> str:
    """Remove results of an earlier content of an input that cannot be segmented; report it."""
    source = source_of(one.path)
    if one.is_video:
        stale = video.remove_stale(one.name, outputs, source)
    else:
        stale = outputs.remove_stale(outputs.every_path(one.name), source)
    return '; results of what was there before are removed' if stale else ''


def about_its_name(one: Input, error: UserError) -> str:
    """The sentence for an input whose results cannot be written because of its name.

    Raises:
        UserError: ``error``, if other results cannot be written either, as on a full disk.
    """
    cause = error.__cause__
    if not isinstance(cause, OSError) or cause.errno not in OF_NAMES:
        raise error
    return f'{one.path}: {error}'


def readable(inputs: Inputs, count: int, read: Callable[[Path], np.ndarray]) -> list[np.ndarray]:
    """Read a few of the pictures, evenly spread over all inputs.

    Args:
        inputs: Images and films.
        count: The largest number of pictures.
        read: Reads a picture for the network.
    """
    pictures: list[np.ndarray] = []
    step = max(sum(not one.is_video for one in inputs) // count, 1)
    paths = (one.path for one in inputs if not one.is_video)
    for path in islice(paths, 0, step * count, step):
        with suppress(UserError):  # reported when it is segmented
            pictures.append(read(path))
    return pictures
