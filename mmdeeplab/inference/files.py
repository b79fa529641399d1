"""Many files segmented: what is there stays, what cannot be read is told at the end."""

import errno
from contextlib import closing, suppress
from functools import partial
from itertools import chain
from time import perf_counter

import numpy as np
from tqdm import tqdm

from mmdeeplab.console import one_line, progress
from mmdeeplab.errors import UserError
from mmdeeplab.inference import video
from mmdeeplab.inference.images import picture_pixels, read_picture
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.outputs import Outputs, Source, source_of
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.workers import chunks, in_order

OF_NAMES = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ)


def segment_files(
    predictor: DeepLabPredictor,
    inputs: list[Input],
    outputs: Outputs,
    batch_size: int,
    passed: str = '',
) -> list[str]:
    """Segment what is not there yet, and say how much that was.

    Args:
        predictor: The network.
        inputs: Images and films.
        outputs: Where the results go.
        batch_size: Images at a time.
        passed: What to say of files that were passed over.

    Returns:
        A sentence for every input that could not be segmented.

    Raises:
        UserError: Nothing can be written any more: a full disk, no right.
    """
    start = perf_counter()
    wanted = [one for one in progress(inputs, 'comparing', len(inputs)) if not done(one, outputs)]
    failed: list[str] = []
    made = segment_images(predictor, wanted, outputs, batch_size, failed)
    made += segment_films(predictor, wanted, outputs, batch_size, failed)
    skipped = len(inputs) - len(wanted)
    notice = f' ({skipped} were there already)' if skipped else ''
    rate = f'; {made / (perf_counter() - start):.3g} images a second' if made else ''
    count = len(wanted) - len(failed)
    print(f'{count} of {len(inputs)} inputs segmented into {outputs.folder}{notice}{passed}{rate}')
    return failed


def segment_images(
    predictor: DeepLabPredictor,
    inputs: list[Input],
    outputs: Outputs,
    batch_size: int,
    failed: list[str],
) -> int:
    """Segment the inputs that are images; returns how many were written."""
    made = 0
    images = [one for one in inputs if not one.is_video]
    answers = in_order(
        partial(segment_batch, predictor, outputs),
        chunks(images, batch_size),
        pixels_of,
        predictor.shares_cores,
    )
    with (
        tqdm(total=len(images), desc='segmenting', unit='image', disable=None) as bar,
        closing(answers),
    ):
        for one, source, result in chain.from_iterable(answers):
            try:
                if isinstance(result, UserError):
                    failed.append(str(result) + without_stale(one, outputs))
                else:
                    outputs.write(one.name, result, source)
                    made += 1
            except UserError as error:
                failed.append(about_its_name(one, error))
            bar.update()
    return made


def segment_batch(
    predictor: DeepLabPredictor, outputs: Outputs, inputs: list[Input]
) -> list[tuple[Input, Source, list[bytes] | UserError]]:
    """The contents of the files of every image, or why it cannot be read.

    Images that are padded to one size go through the network together.
    """
    sources = [source_of(one.path) for one in inputs]
    pictures: dict[int, np.ndarray] = {}
    contents: list[list[bytes] | UserError] = []
    for number, one in enumerate(inputs):
        contents.append([])
        try:
            pictures[number] = predictor.read(one.path)
        except UserError as error:
            contents[number] = error
    sizes = {number: predictor.padded_size(picture) for number, picture in pictures.items()}
    for size in dict.fromkeys(sizes.values()):
        batch = [number for number in pictures if sizes[number] == size]
        results = predictor.batch([pictures[number] for number in batch])
        for number, result in zip(batch, results, strict=True):
            contents[number] = outputs.encode(inputs[number].name, result, sources[number])
    return list(zip(inputs, sources, contents, strict=True))


def pixels_of(inputs: list[Input]) -> int:
    """Pixels of all images, by what their files say; 0 for those that cannot be read."""
    return sum(picture_pixels(one.path) for one in inputs)


def segment_films(
    predictor: DeepLabPredictor,
    inputs: list[Input],
    outputs: Outputs,
    batch_size: int,
    failed: list[str],
) -> int:
    """Segment the inputs that are films; returns how many frames were written."""
    made = 0
    for one in inputs:
        if not one.is_video:
            continue
        try:
            count = video.segment_video(predictor, one, outputs, batch_size)
            print(f'{one_line(str(one.path))}: {count} frames')
            made += count
        except UserError as error:
            told = about_its_name(one, error) if error.__cause__ else str(error)
            failed.append(told + without_stale(one, outputs))
    return made


def done(one: Input, outputs: Outputs) -> bool:
    """Whether all that is wanted of an input is there, and of what it is now."""
    if one.is_video:
        return outputs.done(video.last_files(one.name, outputs), one.path)
    return outputs.done([outputs.path(output, one.name) for output in outputs.wanted], one.path)


def without_stale(one: Input, outputs: Outputs) -> str:
    """Remove what an earlier content of an input that cannot be segmented left; tell of it."""
    source = source_of(one.path)
    if one.is_video:
        stale = video.remove_stale(one.name, outputs, source)
    else:
        stale = outputs.remove_stale(outputs.every_path(one.name), source)
    return '; results of what was there before are removed' if stale else ''


def about_its_name(one: Input, error: UserError) -> str:
    """The sentence for an input whose results cannot be written because of its name.

    Raises:
        UserError: ``error``, where the others could not be written either: a full disk, no right.
    """
    cause = error.__cause__
    if not isinstance(cause, OSError) or cause.errno not in OF_NAMES:
        raise error
    return f'{one.path}: {error}'


def readable(inputs: list[Input], count: int) -> list[np.ndarray]:
    """A few of the pictures, evenly over all."""
    pictures: list[np.ndarray] = []
    images = [one.path for one in inputs if not one.is_video]
    for path in images[:: max(len(images) // count, 1)][:count]:
        with suppress(UserError):  # named when it is its turn
            pictures.append(read_picture(path))
    return pictures
