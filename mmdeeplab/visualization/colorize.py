"""Draw labels in colours, and image, truth and prediction side by side."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from mmseg.structures import SegDataSample
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mmdeeplab.evaluation.confusion import class_ids
from mmdeeplab.visualization.shown_bands import shown_bands
from mmdeeplab.visualization.voc_palette import voc_palette

GAP, HEADER = 8, 20
LARGEST = 2048  # of a panel's sides; larger images are shown by every n-th pixel
VOID_COLOUR = (224, 224, 192)


def seen(
    sample: SegDataSample, inputs: Tensor, stored: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image (H, W, 3) RGB that was evaluated, with truth and prediction (H, W).

    A protocol may resize or crop images, so the image is taken from the network's input and resized
    to the labels. Of large images only every n-th pixel is kept.

    Args:
        sample: A prediction with its truth.
        inputs: The network's input (C, h, w), BGR first.
        stored: Whether the bands have the order of the files, RGB first.
    """
    truth = sample.gt_sem_seg.data[0].cpu().numpy()
    prediction = class_ids(sample.pred_sem_seg.data[0]).cpu().numpy()
    image = inputs.permute(1, 2, 0).cpu().numpy()
    image = image[..., 2::-1] if image.shape[2] >= 3 and not stored else image
    image = shown_bands(image)
    if image.shape[:2] != truth.shape:
        image = cv2.resize(np.ascontiguousarray(image), truth.shape[::-1])
    step = -(-max(truth.shape) // LARGEST)
    image, truth, prediction = (
        np.ascontiguousarray(each[::step, ::step]) for each in (image, truth, prediction)
    )
    return image, truth, prediction


def colour(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """(H, W) class ids -> (H, W, 3) uint8 colours; void and unknown ids are pale."""
    table = np.full((256, 1, 3), VOID_COLOUR, np.uint8)
    table[: len(palette), 0] = palette
    return cv2.applyColorMap(labels.astype(np.uint8, copy=False), table)


def side_by_side(panels: dict[str, np.ndarray]) -> Image.Image:
    """Panels (H, W, 3) of one size side by side, each under its name; small ones are enlarged."""
    height, width = next(iter(panels.values())).shape[:2]
    zoom = max(1, round(256 / max(height, width)))
    height, width = height * zoom, width * zoom
    canvas = Image.new(
        'RGB', (len(panels) * (width + GAP) + GAP, height + HEADER + GAP), (255, 255, 255)
    )
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(13)
    for i, (name, panel) in enumerate(panels.items()):
        x = GAP + i * (width + GAP)
        draw.text((x, 2), name, (64, 64, 64), font)
        picture = Image.fromarray(np.ascontiguousarray(panel))
        canvas.paste(picture.resize((width, height), Image.Resampling.NEAREST), (x, HEADER))
    return canvas


def palette_picture(labels: np.ndarray) -> Image.Image:
    """Ids (H, W) below 256 as a palette image in VOC's colours, whose pixels are the ids."""
    picture = Image.fromarray(labels.astype(np.uint8, copy=False))
    picture.putpalette(_flat_palette())
    return picture


@cache
def _flat_palette() -> bytes:
    return bytes(value for rgb in voc_palette() for value in rgb)
