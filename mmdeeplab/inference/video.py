"""Videos: every frame segmented, pictures put together to videos again."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.inference.outputs import Outputs
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.input_files import require_regular

FILMED = ('color', 'overlay')  # one video each; the other kinds are one file a frame


class Film:
    """Writes frames to a video that takes its name when it is complete.

    Args:
        path: The .mp4 to make.
        rate: Frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.rate = path, rate
        self.part = path.with_name(f'.tmp-{path.name}')
        self.writer: cv2.VideoWriter | None = None

    def __enter__(self) -> 'Film':
        return self

    def add(self, frame: np.ndarray) -> None:
        """Append (H, W, 3) uint8 RGB."""
        if self.writer is None:
            code = cv2.VideoWriter.fourcc(*'mp4v')
            size = frame.shape[1], frame.shape[0]
            self.writer = cv2.VideoWriter(str(self.part), code, self.rate, size)
            if not self.writer.isOpened():
                raise UserError(f'cannot write the video {self.path}')
        self.writer.write(np.ascontiguousarray(frame[..., ::-1]))

    def __exit__(self, kind: type | None, *_: object) -> None:
        if self.writer is not None:
            self.writer.release()
        if kind is None and self.part.is_file():
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


def frames(path: Path) -> Iterator[np.ndarray]:
    """The frames (H, W, 3) uint8 RGB of a video.

    Raises:
        UserError: Not a video, or one without frames.
    """
    require_regular(path, 'video')
    capture = cv2.VideoCapture(str(path))
    count = 0
    try:
        while True:
            read, frame = capture.read()
            if not read:
                break
            count += 1
            yield np.ascontiguousarray(frame[..., ::-1])
    finally:
        capture.release()
    if not count:
        raise UserError(f'not a video, or a broken one: {path}')


def frame_rate(path: Path) -> float:
    """Frames a second; 25 where the file does not say."""
    require_regular(path, 'video')
    capture = cv2.VideoCapture(str(path))
    try:
        return capture.get(cv2.CAP_PROP_FPS) or 25.0
    finally:
        capture.release()


def segment_video(
    predictor: DeepLabPredictor, path: Path, outputs: Outputs, batch_size: int = 1
) -> int:
    """Write ``color`` and ``overlay`` as ``KIND/NAME.mp4``, the others as ``KIND/NAME/000001.png``.

    Returns:
        The number of frames.

    Raises:
        UserError: Not a video.
    """
    number = 0
    rate = frame_rate(path)
    with ExitStack() as stack:
        films = {
            kind: stack.enter_context(Film(last_file(path, outputs, kind), rate))
            for kind in outputs.kinds
            if kind in FILMED
        }
        for batch in batches(frames(path), batch_size):
            for result in predictor.batch(batch):
                number += 1
                for kind in outputs.kinds:
                    if kind in films:
                        films[kind].add(np.asarray(getattr(result, kind)()))
                    else:
                        result.save(outputs.path(kind, f'{path.stem}/{number:06d}'), kind)
    for kind in set(outputs.kinds) - set(FILMED):
        summary = json.dumps(dict(frames=number, frames_per_second=rate))
        last_file(path, outputs, kind).write_text(summary + '\n')
    return number


def last_file(path: Path, outputs: Outputs, kind: str) -> Path:
    """What is written last of one kind, and so tells that the kind is complete."""
    if kind in FILMED:
        return outputs.folder / kind / f'{path.stem}.mp4'
    return outputs.folder / kind / path.stem / 'video.json'


def done(path: Path, outputs: Outputs) -> bool:
    """Whether every wanted kind of a video is complete."""
    there = all(last_file(path, outputs, kind).is_file() for kind in outputs.kinds)
    return there and not outputs.overwrite


def batches(items: Iterator[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """Lists of ``size`` items, the last one shorter."""
    batch: list[np.ndarray] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
