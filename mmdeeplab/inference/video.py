"""Segment every frame of a video, and write the results as videos or single files."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from mmdeeplab.console import one_line, progress
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.input_files import native_path, require_regular
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.outputs import Outputs, remove_frames_after
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.inference.save_formats import FILMED
from mmdeeplab.picture_threads import chunks, in_order


class Film:
    """Writes frames to a video, which gets its name when it is complete.

    Args:
        path: The .mp4 file.
        rate: Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self.placing = placing(path, suffix=path.suffix)
        self.writer: cv2.VideoWriter | None = None
        self.count = 0

    def __enter__(self) -> 'Film':
        self.partial = self.placing.__enter__()
        return self

    def add(self, frame: np.ndarray) -> None:
        """Append a frame (H, W, 3) uint8 RGB; to an odd side its last line is added once more.

        The colours of a film have half its size, so that OpenCV would cut the line off.
        """
        height, width = frame.shape[:2]
        frame = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        if self.writer is None:
            code = cv2.VideoWriter.fourcc(*'mp4v')
            size = frame.shape[1], frame.shape[0]
            name = native_path(self.partial, 'film')
            self.writer = cv2.VideoWriter(name, code, self.rate, size)
            if not self.writer.isOpened():
                raise UserError(f'cannot write the video {self.path}')
        self.writer.write(np.ascontiguousarray(frame[..., ::-1]))
        self.count += 1

    def __exit__(
        self,
        cls: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer is not None:
            self.writer.release()
            if error is None and header(self.partial)[1] != self.count:  # OpenCV tells nobody
                cls, error = OSError, OSError('not all of its frames arrived, as on a full disk')
        self.placing.__exit__(cls, error, trace)


def opened(path: Path) -> cv2.VideoCapture:
    """Open a video by OpenCV, which reads nothing from what is none.

    Raises:
        UserError: It is not a regular file, or its name cannot be given to OpenCV.
    """
    require_regular(path, 'video')
    return cv2.VideoCapture(native_path(path, 'video'))


def frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames (H, W, 3) uint8 RGB of a video.

    Raises:
        UserError: It is not a video, or has no frames.
    """
    capture = opened(path)
    count = 0
    try:
        while True:
            success, frame = capture.read()
            if not success:
                break
            count += 1
            yield np.ascontiguousarray(frame[..., ::-1])
    finally:
        capture.release()
    if not count:
        raise UserError(f'not a video, or a broken one: {path}')


def header(path: Path) -> tuple[float, int | None]:
    """Frames per second (25 if the file does not say) and number of frames (then None)."""
    capture = opened(path)
    try:
        count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        return capture.get(cv2.CAP_PROP_FPS) or 25.0, count or None
    finally:
        capture.release()


def segment_video(
    predictor: DeepLabPredictor, film: Input, outputs: Outputs, batch_size: int = 1
) -> int:
    """Segment a film; ``color`` and ``overlay`` become ``OUTPUT/NAME.mp4``, others single files.

    The single files are called ``OUTPUT/NAME/000001.png`` and so on.

    Returns:
        The number of frames.

    Raises:
        UserError: It is not a video, or a file cannot be written.
    """
    number = 0
    files = outputs.files(film)
    rate, count = header(film.path)
    shown = progress(frames(film.path), one_line(film.name), count, 'frames')
    with ExitStack() as stack:
        films = {
            output: stack.enter_context(Film(file, rate))
            for output, file in files.items()
            if output in FILMED
        }
        answers = in_order(
            partial(segment_frames, predictor, film, outputs.wanted),
            chunks(enumerate(shown, 1), batch_size),
            lambda batch: sum(frame[..., 0].size for _, frame in batch),
            predictor.shares_cores,
        )
        stack.enter_context(closing(answers))
        for number, output, result in chain.from_iterable(answers):
            if isinstance(result, bytes):
                with placing(outputs.path(output, f'{film.name}/{number:06d}')) as partial_file:
                    partial_file.write_bytes(result)
            else:
                films[output].add(result)
    for file in [file for output, file in files.items() if output not in FILMED]:
        remove_frames_after(number, file.parent)
        with placing(file) as partial_file:
            summary = json.dumps(dict(frames=number, frames_per_second=rate))
            partial_file.write_text(summary + '\n')
    return number


def segment_frames(
    predictor: DeepLabPredictor,
    film: Input,
    output_names: Sequence[str],
    batch: list[tuple[int, np.ndarray]],
) -> list[tuple[int, str, np.ndarray | bytes]]:
    """Segment frames; return the number, the output and the result of each frame and output.

    A result is a picture (H, W, 3) uint8 RGB, or the content of a file.

    Args:
        predictor: The network.
        film: The film, whose name becomes a part of the frames' names in annotations.
        output_names: The outputs to make, in their order.
        batch: Numbered frames (H, W, 3) uint8 RGB.

    Raises:
        UserError: An output needs scores, and frames of this size have none.
    """
    predictor.require_scores(batch[0][1], film.path, output_names)
    try:
        results = predictor.batch([frame for _, frame in batch])
    except UserError as error:
        raise UserError(f'{film.path}, frame {batch[0][0]} or a next one: {error}') from None
    contents: list[tuple[int, str, np.ndarray | bytes]] = []
    for (number, _), result in zip(batch, results, strict=True):
        for output in output_names:
            if output in FILMED:
                contents.append((number, output, np.asarray(getattr(result, output)())))
            else:
                folder = '' if output == 'labelme' else f'{film.name}/'
                picture = f'{folder}{number:06d}.png'
                contents.append((number, output, result.encode(output, picture=picture)))
    return contents
