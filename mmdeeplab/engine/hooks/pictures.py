"""Draw image, ground truth and prediction side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.config.pixels import evaluated_pixels
from mmdeeplab.engine.hooks.masks import image_names
from mmdeeplab.registry import HOOKS
from mmdeeplab.visualization.colorize import colour, seen, side_by_side


@HOOKS.register_module()
class PictureHook(Hook):
    """During a test, draw a few images with ground truth and prediction into ``OUT/ID.png``.

    Args:
        out: Folder for the pictures, which is made if it is missing.
        count: Number of images, over all ranks.
    """

    def __init__(self, out: str, count: int = 8) -> None:
        self.out, self.count = Path(out), count

    def before_test(self, runner: Runner) -> None:
        self.palette = runner.test_dataloader.dataset.metainfo['palette']
        self.stored = evaluated_pixels(runner.cfg) is not None
        batch_count = len(runner.test_dataloader)
        picture_count = max(self.count // dist.get_world_size(), 1)
        indices = np.linspace(0, batch_count - 1, min(picture_count, batch_count)).round()
        self.batches = set(indices.astype(int).tolist())
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
        image, truth, prediction = seen(sample, data_batch['inputs'][0], self.stored)
        panels = {
            'image': image,
            'truth': colour(truth, self.palette),
            'prediction': colour(prediction, self.palette),
        }
        name = self.names[sample.img_path].replace('/', '_')  # the page reads a single folder
        side_by_side(panels).save(self.out / f'{name}.png')
