"""Segment many files: existing results are kept, and unreadable files are reported at the end."""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter

import numpy as np

from mmdeeplab.checkpoint.key_prefixes import say
from mmdeeplab.console import one_line, progress
from mmdeeplab.errors import UserError, out_of_memory
from mmdeeplab.inference import video
from mmdeeplab.inference.geotiff.coordinates import INSTALL, has_coordinates
from mmdeeplab.inference.geotiff.grid import Grid, read_grid, require_size, require_transform
from mmdeeplab.inference.geotiff.segment import is_cut, segment_raster
from mmdeeplab.inference.images import picture_pixels
from mmdeeplab.inference.inputs import Input, Inputs
from mmdeeplab.inference.outputs import Outputs, Source, source_of
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.picture_threads import chunks, in_order
from mmdeeplab.spread import spread

HOPELESS = 8  # pictures in turn, from the first, after which not they but the network is at fault
OF_NAMES = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ)


class NoAnswer(UserError):
    """The network has no result for a picture: scores that are no numbers, or too little memory."""


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
    pending = PendingInputs(inputs, outputs, predictor)
    written = segment_images(predictor, pending.images(), outputs, batch_size, failed)
    by_windows = partial(segment_windows, predictor, outputs)
    by_frames = partial(segment_film, predictor, outputs, batch_size)
    written += segment_singly(pending.cut, by_windows, outputs, failed)
    written += segment_singly(pending.films(), by_frames, outputs, failed)
    notice = f' ({pending.done} were there already)' if pending.done else ''
    rate = f'; {written / (perf_counter() - start):.3g} images a second' if written else ''
    count = len(inputs) - pending.done - len(failed)
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
        self._hinted = False

    def images(self) -> Iterator[Input]:
        """The images without results, with progress."""
        shown = progress(self.inputs, 'segmenting', len(self.inputs), 'inputs')
        for image in self._without_results(image for image in shown if not image.is_video):
            if self._is_cut(image):
                self.cut.append(image)
            else:
                yield image

    def films(self) -> Iterator[Input]:
        """The films without results."""
        return self._without_results(
            input_file for input_file in self.inputs if input_file.is_video
        )

    def _is_cut(self, image: Input) -> bool:
        if not image.has_coordinates:
            self._tell_of_rasterio(image)
            return False
        with suppress(UserError):  # reading it reports the error
            return is_cut(self.predictor, image.path)
        return False

    def _tell_of_rasterio(self, image: Input) -> None:
        if not self._hinted and has_coordinates(image.path):
            self._hinted = True
            say(f'{image.path} has coordinates, which results have where rasterio is: {INSTALL}')

    def _without_results(self, inputs: Iterable[Input]) -> Iterator[Input]:
        for input_file in inputs:
            if self.outputs.done(input_file):
                self.done += 1
            else:
                yield input_file


def segment_images(
    predictor: DeepLabPredictor,
    images: Iterable[Input],
    outputs: Outputs,
    batch_size: int,
    failed: list[str],
) -> int:
    """Segment images; return the number of those whose results were written.

    Raises:
        UserError: The network has no answer to any of the first pictures.
    """
    written = unanswered = 0
    answers = in_order(
        partial(segment_batch, predictor, outputs),
        chunks(images, batch_size),
        pixels_of,
        predictor.shares_cores,
    )
    with closing(answers):
        for image, source, result in chain.from_iterable(answers):
            try:
                if isinstance(result, UserError):
                    failed.append(str(result) + without_stale(image, outputs))
                    unanswered += isinstance(result, NoAnswer)
                    if unanswered == HOPELESS and not written:
                        raise result
                else:
                    outputs.write(image, result, source)
                    written += 1
            except UserError as error:
                failed.append(about_its_name(image, error))
    return written


def segment_batch(
    predictor: DeepLabPredictor, outputs: Outputs, inputs: list[Input]
) -> list[tuple[Input, Source, list[bytes] | UserError]]:
    """For each image the contents of its result files, or the reason why it cannot be read.

    Images that are padded to the same size go through the network together.
    """
    sources = [source_of(image.path) for image in inputs]
    contents: dict[int, list[bytes] | UserError] = {}
    pictures: dict[int, np.ndarray] = {}
    grids: dict[int, Grid | None] = {}
    for i, image in enumerate(inputs):
        try:
            grids[i] = grid = grid_for(image, outputs)
            picture = predictor.read(image.path)
            if grid:
                require_size(grid, picture.shape[:2], image.path, predictor.pixels is None)
            predictor.require_scores(picture, image.path, outputs.wanted)
            pictures[i] = picture
        except UserError as error:
            contents[i] = error
    sizes = {i: predictor.padded_size(picture) for i, picture in pictures.items()}
    for size in dict.fromkeys(sizes.values()):
        batch = [i for i in sizes if sizes[i] == size]
        results = answers(predictor, [(inputs[i].path, pictures[i]) for i in batch])
        for i, result in zip(batch, results, strict=True):
            if isinstance(result, UserError):
                contents[i] = result
            else:
                contents[i] = outputs.encode(inputs[i].name, result, sources[i], grids[i])
    return [(image, sources[i], contents[i]) for i, image in enumerate(inputs)]


def answers(
    predictor: DeepLabPredictor, pictures: Sequence[tuple[Path, np.ndarray]]
) -> list[Segmentation | NoAnswer]:
    """The results of pictures, given with their files; each alone where they fail together."""
    try:
        return list(predictor.batch([picture for _, picture in pictures]))
    except (UserError, MemoryError, RuntimeError) as error:
        reason = no_answer(error, pictures[0][0])
    if len(pictures) == 1:
        return [reason]
    return [result for one in pictures for result in answers(predictor, [one])]


def no_answer(error: Exception, path: Path) -> NoAnswer:
    """The sentence about a file to which the network has no answer.

    Raises:
        Exception: ``error``, if it says nothing of the file.
    """
    if isinstance(error, UserError):
        return NoAnswer(f'{path}: {error}')
    if not out_of_memory(error):
        raise error
    return NoAnswer(f'{path}: no memory for so many pixels at once: take --mode bands or slide')


def pixels_of(inputs: list[Input]) -> int:
    """Number of pixels of all images together, by their headers; unreadable ones count as 0."""
    return sum(picture_pixels(image.path) for image in inputs)


def grid_for(image: Input, outputs: Outputs) -> Grid | None:
    """The grid of a picture with coordinates; None for others.

    Raises:
        UserError: GeoJSON polygons are wanted of a picture without coordinates.
    """
    polygons = 'geojson' in outputs.wanted
    if image.has_coordinates:
        grid = read_grid(image.path)
        if polygons:
            require_transform(grid, image.path)
        return grid
    if polygons:
        reason = (
            f'rasterio is missing: {INSTALL}' if has_coordinates(image.path) else 'it is no GeoTIFF'
        )
        raise UserError(
            f'{image.path}: --save geojson needs coordinates, and {reason}; coco and labelme are '
            'polygons in pixels'
        )
    return None


def segment_singly(
    inputs: Iterable[Input],
    segment: Callable[[Input], int],
    outputs: Outputs,
    failed: list[str],
) -> int:
    """Segment films, or pictures that are read by windows, one after the other.

    Args:
        inputs: The inputs.
        segment: Writes the results of one; returns the number of its frames, or 1.
        outputs: Where the results go.
        failed: Gets a sentence for every input that cannot be segmented.

    Returns:
        The number of frames and pictures that were written.
    """
    written = 0
    for input_file in inputs:
        source = source_of(input_file.path)
        try:
            written += segment(input_file)
            outputs.finish(input_file, source)
        except UserError as error:
            failed.append(failure(input_file, error, outputs))
        except (MemoryError, RuntimeError) as error:
            failed.append(failure(input_file, no_answer(error, input_file.path), outputs))
    return written


def segment_windows(predictor: DeepLabPredictor, outputs: Outputs, raster: Input) -> int:
    """Segment a picture with coordinates by windows."""
    segment_raster(predictor, raster.path, outputs.files(raster))
    return 1


def segment_film(
    predictor: DeepLabPredictor, outputs: Outputs, batch_size: int, film: Input
) -> int:
    """Segment a film, and print how many frames it has."""
    grid_for(film, outputs)
    count = video.segment_video(predictor, film, outputs, batch_size)
    told = video.header(film.path)[1] or 0
    missing = f', where its header tells of {told}: cut, or of no fixed rate'
    print(f'{one_line(str(film.path))}: {count} frames{missing if told > count else ""}')
    return count


def failure(input_file: Input, error: UserError, outputs: Outputs) -> str:
    """The sentence about an input that could not be segmented; its old results are removed.

    Raises:
        UserError: ``error``, if other results cannot be written either, as on a full disk.
    """
    in_writing = error.__cause__ and not error.fault  # a fault is of the input
    words = about_its_name(input_file, error) if in_writing else str(error)
    return words + without_stale(input_file, outputs)


def without_stale(input_file: Input, outputs: Outputs) -> str:
    """Remove results of an earlier content of an input that cannot be segmented; report it."""
    stale = outputs.remove_stale(input_file, source_of(input_file.path))
    return '; results of what was there before are removed' if stale else ''


def about_its_name(input_file: Input, error: UserError) -> str:
    """The sentence for an input whose results cannot be written because of its name.

    Raises:
        UserError: ``error``, if other results cannot be written either, as on a full disk.
    """
    cause = error.__cause__
    if not isinstance(cause, OSError) or cause.errno not in OF_NAMES:
        raise error
    return f'{input_file.path}: {error}'


def readable(inputs: Inputs, count: int, read: Callable[[Path], np.ndarray]) -> list[np.ndarray]:
    """Read a few of the pictures, evenly spread over all inputs.

    Args:
        inputs: Images and films.
        count: The largest number of pictures.
        read: Reads a picture for the network.
    """
    pictures: list[np.ndarray] = []
    positions = [i for i, input_file in enumerate(inputs) if not input_file.is_video]
    chosen = set(spread(positions, count))
    for path in [input_file.path for i, input_file in enumerate(inputs) if i in chosen]:
        with suppress(UserError):  # reported when it is segmented
            pictures.append(read(path))
    return pictures
