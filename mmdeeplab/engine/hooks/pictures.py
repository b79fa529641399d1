"""Pictures of what a model sees: image, truth and prediction side by side."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mmdeeplab.engine.hooks.masks import image_names
from mmdeeplab.evaluation.confusion import class_ids
from mmdeeplab.registry import HOOKS

GAP, HEADER = 8, 20
LARGEST = 2048  # of a panel's sides; larger images are shown by every n-th pixel
VOID_COLOUR = (224, 224, 192)


@HOOKS.register_module()
class PictureHook(Hook):
    """During a test, write ``OUT/ID.png`` for a few images spread over the data set.

    Args:
        out: Folder for the pictures; made when missing.
        count: How many images to draw, over all ranks.
    """

    def __init__(self, out: str, count: int = 8) -> None:
        self.out, self.count = Path(out), count

    def before_test(self, runner: Runner) -> None:
        self.palette = runner.test_dataloader.dataset.metainfo['palette']
        own = len(runner.test_dataloader)
        wanted = max(self.count // dist.get_world_size(), 1)
        self.batches = set(np.linspace(0, own - 1, min(wanted, own)).round().astype(int).tolist())
        self.names = image_names(runner.test_dataloader.dataset)
        self.out.mkdir(parents=True, exist_ok=True)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        if batch_idx not in self.batches or not outputs or data_batch is None:
            return
        sample = outputs[0]
        image, truth, prediction = seen(sample, data_batch['inputs'][0])
        panels = {
            'image': image,
            'truth': colour(truth, self.palette),
            'prediction': colour(prediction, self.palette),
        }
        name = self.names[sample.img_path].replace('/', '_')  # the page looks into one folder
        side_by_side(panels).save(self.out / f'{name}.png')


def seen(sample: SegDataSample, inputs: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was evaluated: image (H, W, 3) RGB, truth and prediction (H, W).

    A protocol may resize or crop the image, so it is taken from what the network got and brought
    to the size of the labels. Of large ones every n-th pixel is kept.

    Args:
        sample: A prediction with its truth.
        inputs: (3, h, w) uint8, BGR.
    """
    truth = sample.gt_sem_seg.data[0].cpu().numpy()
    prediction = class_ids(sample.pred_sem_seg.data[0]).cpu().numpy()
    image = inputs.permute(1, 2, 0).cpu().numpy()[..., ::-1]
    if image.shape[:2] != truth.shape:
        image = cv2.resize(np.ascontiguousarray(image), truth.shape[::-1])
    step = -(-max(truth.shape) // LARGEST)
    image, truth, prediction = (
        np.ascontiguousarray(each[::step, ::step]) for each in (image, truth, prediction)
    )
    return image, truth, prediction


def colour(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """(H, W) class ids -> (H, W, 3) uint8 colours; void and unknown ids are pale."""
    table = np.full((256, 3), VOID_COLOUR, np.uint8)
    table[: len(palette)] = palette
    return table[labels.astype(np.uint8)]


def side_by_side(panels: dict[str, np.ndarray]) -> Image.Image:
    """Panels (H, W, 3) of one size, left to right, each under its name; small ones enlarged."""
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
