"""The result of a prediction: labels, class names, areas, and pictures of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmdeeplab.errors import choose
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.inference.annotations.files import TEXT
from mmdeeplab.inference.save_formats import OUTPUTS, suffix
from mmdeeplab.visualization.colorize import colour, palette_picture
from mmdeeplab.visualization.encode import encode_picture, mask_png


def blend(image: np.ndarray, colours: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """Blend colours over an image, both (H, W, 3) uint8."""
    return cv2.addWeighted(image, 1 - opacity, colours, opacity, 0)


@dataclass(frozen=True, repr=False)
class Segmentation:
    """The labels of one image.

    Attributes:
        image: (H, W, 3) uint8, RGB; may share its memory with an array that was segmented.
        labels: (H, W) uint8 class ids.
        classes: Names in id order.
        palette: RGB of each class.
        logits: (C, H, W) float32 scores, from which :attr:`probabilities` are computed; None if
            they were not kept.
    """

    image: np.ndarray
    labels: np.ndarray
    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    logits: np.ndarray | None = None

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(C, H, W) float32, summing to 1 over the classes.

        Raises:
            ValueError: The scores were not kept.
        """
        if self.logits is None:
            raise ValueError(
                'no scores were kept: predict with keep_logits=True, and large pictures with '
                "mode='slide'"
            )
        scores = np.exp(self.logits - self.logits.max(0))
        return scores / scores.sum(0)

    @property
    def confidence(self) -> np.ndarray:
        """(H, W) float32: the largest probability of each pixel."""
        return self.probabilities.max(0)

    @cached_property
    def areas(self) -> dict[str, float]:
        """The share of the image, 0 to 1, of every class in it, the largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        order = sorted(np.flatnonzero(counts).tolist(), key=lambda i: -counts[i])
        return {self.classes[i]: float(counts[i] / self.labels.size) for i in order}

    def __repr__(self) -> str:
        height, width = self.labels.shape
        areas = ', '.join(f'{name} {share:.1%}' for name, share in self.areas.items())
        return f'Segmentation({width}x{height}: {areas})'

    def mask(self) -> Image.Image:
        """The labels as a palette image, as VOC stores its masks."""
        return palette_picture(self.labels)

    def color(self) -> Image.Image:
        """The labels as an RGB image, every class in its colour."""
        return Image.fromarray(colour(self.labels, self.palette))

    def overlay(self, opacity: float = 0.5) -> Image.Image:
        """The image with the colours of the classes over it.

        Args:
            opacity: 0 shows the image alone, 1 the colours alone.

        Raises:
            ValueError: ``opacity`` is not between 0 and 1.
        """
        if not 0 <= opacity <= 1:
            raise ValueError(f'opacity must lie in 0..1, got {opacity}')
        return Image.fromarray(self._blend(opacity))

    def _blend(self, opacity: float) -> np.ndarray:
        return blend(self.image, colour(self.labels, self.palette), opacity)

    def encode(self, output: str = 'masks', jpeg: bool = False, picture: str = '') -> bytes:
        """The bytes of the file that :meth:`save` writes.

        Args:
            output: One of :data:`OUTPUTS`.
            jpeg: Whether an ``overlay`` is a JPEG instead of a PNG.
            picture: Path of the picture as an annotation tool will look for it.

        Raises:
            ValueError: The output is unknown.
        """
        choose('output', output, OUTPUTS)
        if output in TEXT:
            return TEXT[output](self.labels, self.classes, picture).encode()
        if output == 'prob':
            file = io.BytesIO()
            half = self.probabilities.astype(np.float16)
            np.savez_compressed(file, probabilities=half, classes=np.array(self.classes))
            return file.getvalue()
        if output == 'masks':
            return mask_png(self.labels)
        if output == 'confidence':
            return encode_picture((self.confidence * 255).round().astype(np.uint8))
        if output == 'color':
            return encode_picture(colour(self.labels, self.palette))
        return encode_picture(self._blend(0.5), '.jpg' if jpeg else '.png')

    def save(self, path: str | Path, output: str = 'masks', picture: str = '') -> Path:
        """Write one of :data:`OUTPUTS`; the file appears complete or not at all.

        ``prob`` is a compressed .npz with ``probabilities`` (C, H, W) in float16 and ``classes``;
        ``confidence`` a grey PNG, 255 = certain; ``coco``, ``labelme``, ``cvat`` and ``yolo`` are
        files of these annotation tools; ``overlay`` is a JPEG where the path ends with .jpg or
        .jpeg; the others are PNGs.

        Args:
            path: The file.
            output: What to write.
            picture: Path of the picture as an annotation tool will look for it; by default
                ``NAME.png`` for ``NAME.json``.

        Returns:
            The path, with a suffix if it had none.

        Raises:
            ValueError: The output is unknown.
            UserError: The file cannot be written.
        """
        choose('output', output, OUTPUTS)
        path = Path(path)
        if not path.suffix:
            path = path.with_suffix(suffix(output))
        jpeg = path.suffix.lower() in ('.jpg', '.jpeg')
        content = self.encode(output, jpeg, picture or path.with_suffix('.png').name)
        with placing(path) as partial:
            partial.write_bytes(content)
        return path
