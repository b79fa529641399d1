"""``tools/test.py --fast``: replace the network by a fast one once its weights are loaded."""

from collections.abc import Iterator

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.config.pixels import evaluated_pixels
from mmdeeplab.inference.accelerate.engine_check import CalibrationPicture
from mmdeeplab.registry import HOOKS
from mmdeeplab.spread import spread

LOWER = ('bf16', 'int8')
PICTURES = 16  # of the training split, by which int8 is calibrated and both are checked


@HOOKS.register_module()
class FastHook(Hook):
    """Evaluate with the fast network of :func:`mmdeeplab.inference.accelerate.accelerate`.

    Its predictions have no logits, so the loss is not measured.

    Args:
        fast: The lowest precision allowed: True (float32), ``'bf16'`` or ``'int8'``.
        keep_logits: Whether predictions have logits all the same, as a CRF needs them.
    """

    def __init__(self, fast: bool | str = True, keep_logits: bool = False) -> None:
        self.fast, self.keep_logits = fast, keep_logits

    def before_test(self, runner: Runner) -> None:
        from mmdeeplab.inference.accelerate import accelerate

        pictures = self._calibration(runner)
        runner.model = accelerate(runner.model.eval(), self.fast, self.keep_logits, pictures)

    def _calibration(self, runner: Runner) -> Iterator[CalibrationPicture]:
        """Yield training pictures, if the device has engines that are checked by them."""
        from mmdeeplab.inference.predictor import prepared

        if self.fast in LOWER:
            stored = evaluated_pixels(runner.cfg) is not None
            for picture, mask in training_pictures(runner.cfg):
                image = prepared(runner.model, picture, stored)
                yield CalibrationPicture(image, torch.from_numpy(mask))


def training_pictures(cfg: Config) -> list[tuple[np.ndarray, np.ndarray]]:
    """A few pictures with their masks, evenly spread over the labelled part of a training split.

    Returns:
        Pairs of a picture, (H, W, 3) uint8 RGB (or as stored, if LoadImage names bands and depth),
        and class ids (H, W) uint8 with 255 for void, as training reads them.
    """
    from mmdeeplab.datasets.stored_images import read_stored
    from mmdeeplab.datasets.transforms.load import LoadMask, read_image
    from mmdeeplab.registry import DATASETS

    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    labelled = [i for i in range(len(dataset)) if 'seg_map_path' in dataset.get_data_info(i)]
    pairs = []
    for info in map(dataset.get_data_info, spread(labelled, PICTURES)):
        path = info['img_path']
        picture = read_stored(path) if evaluated_pixels(cfg) else read_image(path)[..., ::-1]
        mask = LoadMask()(info | dict(ori_shape=picture.shape[:2]))['gt_seg_map']
        pairs.append((picture, mask.astype(np.uint8)))
    return pairs
