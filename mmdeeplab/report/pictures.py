"""Draw the best and the worst images of an evaluation: image, truth, prediction, error."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.structures import PixelData
from PIL import Image

from mmdeeplab.evaluation.extremes import Kept
from mmdeeplab.evaluation.per_image import short_names
from mmdeeplab.visualization.colorize import VOID_COLOUR, colour, seen

EXAMPLES = 4  # best images of a page, and as many worst
SIDE = 420  # pixels of a panel's long side at most
WRONG = (214, 48, 58)
SEEN = 0.01  # share of an image from which a predicted class is named below it


class Example(NamedTuple):
    """An image of the report: its row of ``per_image``, four data URIs, and ids of its classes."""

    row: dict
    panels: dict[str, str]
    classes: list[int]


def choose(per_image: Sequence[dict], count: int) -> tuple[list[dict], list[dict]]:
    """The ``count`` best rows by mIoU, best first, and the worst, worst first; none is in both."""
    scored = sorted((r for r in per_image if r.get('mIoU') is not None), key=lambda r: -r['mIoU'])
    count = min(count, len(scored) // 2)
    return scored[:count], scored[::-1][:count]


def draw_examples(
    dataset: Any,
    per_image: Sequence[dict],
    predictions: Mapping[str, Kept],
    stored: bool = False,
) -> dict[str, list[Example]]:
    """Draw the best and the worst images whose predictions were kept.

    Args:
        dataset: The data set that was evaluated.
        per_image: ``per_image`` of the evaluation's result.
        predictions: ``predictions`` of the evaluation's result, by path.
        stored: Whether images have their bands in the order of the files.

    Returns:
        ``best`` and ``worst``.
    """
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    index = dict(zip(short_names(paths), range(len(paths)), strict=True))
    indexed = [row for row in per_image if row['id'] in index]
    return {
        name: [
            draw(dataset, i, predictions[paths[i]], row, stored)
            for i, row in ((index[row['id']], row) for row in rows)
            if paths[i] in predictions
        ]
        for name, rows in zip(('best', 'worst'), choose(indexed, EXAMPLES), strict=True)
    }


def draw(dataset: Any, i: int, label_map: Kept, row: dict, stored: bool = False) -> Example:
    """Draw image ``i`` of a data set with its truth and its prediction."""
    data = dataset[i]
    sample = data['data_samples']
    sample.pred_sem_seg = PixelData(data=torch.from_numpy(label_map.labels())[None])
    image, truth, prediction = seen(sample, data['inputs'], stored)
    return example(row, image, truth, prediction, dataset.metainfo['palette'])


def example(
    row: dict, image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, palette: Sequence
) -> Example:
    """Make the panels of the page from an image (H, W, 3), truth and prediction (H, W)."""
    panels = dict(
        image=data_uri(image, 'JPEG'),
        truth=data_uri(colour(truth, palette), 'PNG'),
        prediction=data_uri(colour(prediction, palette), 'PNG'),
        error=data_uri(error_map(image, truth, prediction, len(palette)), 'JPEG'),
    )
    shown = np.bincount(prediction.ravel(), minlength=256) >= SEEN * prediction.size
    shown[np.unique(truth)] = True
    return Example(row, panels, np.flatnonzero(shown[: len(palette)]).tolist())


def error_map(
    image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, num_classes: int
) -> np.ndarray:
    """A picture of the errors (H, W, 3): wrong pixels are red, others pale grey, void is marked."""
    grey = image @ np.array([0.299, 0.587, 0.114])
    canvas = np.repeat((150 + 0.4 * grey).astype(np.uint8)[..., None], 3, 2)
    void = truth >= num_classes
    canvas[void] = VOID_COLOUR
    canvas[(prediction != truth) & ~void] = WRONG
    return canvas


def data_uri(pixels: np.ndarray, image_format: str) -> str:
    """A picture as a data URI for the page; large ones are reduced."""
    picture = Image.fromarray(pixels)
    zoom = SIDE / max(picture.size)
    if zoom < 1:
        smooth = Image.Resampling.LANCZOS if image_format == 'JPEG' else Image.Resampling.NEAREST
        picture = picture.resize([max(round(s * zoom), 1) for s in picture.size], smooth)
    if image_format == 'PNG':
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, image_format, quality=88, optimize=True)
    code = base64.b64encode(buffer.getvalue()).decode()
    return f'data:image/{image_format.lower()};base64,{code}'
