"""``tools/test.py --fast``: the fast network in the plain one's place once the weights are read."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmdeeplab.registry import HOOKS

LOWER = ('bf16', 'int8')
PICTURES = 16  # of the training split, by which int8 and bf16 are corrected


@HOOKS.register_module()
class FastHook(Hook):
    """Evaluate by :func:`mmdeeplab.inference.accelerate.accelerate`.

    Predictions have no logits then, so that the loss is not measured.

    Args:
        fast: The lowest precision allowed: True, ``'bf16'`` or ``'int8'``.
        keep_logits: Predictions have logits all the same, for a CRF.
    """

    def __init__(self, fast: bool | str = True, keep_logits: bool = False) -> None:
        self.fast, self.keep_logits = fast, keep_logits

    def before_test(self, runner: Runner) -> None:
        from mmdeeplab.inference.accelerate import accelerate

        pictures = self._calibration(runner)
        runner.model = accelerate(runner.model.eval(), self.fast, self.keep_logits, pictures)

    def _calibration(self, runner: Runner) -> Iterator[Tensor]:
        """Read only where the device has engines that are corrected."""
        from mmdeeplab.inference.predictor import prepared

        if self.fast in LOWER:
            for picture in training_pictures(runner.cfg):
                yield prepared(runner.model, picture)


def training_pictures(cfg: Config) -> list[np.ndarray]:
    """A few pictures (H, W, 3) uint8 RGB of a config's training split, evenly over it."""
    from mmdeeplab.datasets.transforms.load import read_image
    from mmdeeplab.registry import DATASETS

    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    step = max(len(dataset) // PICTURES, 1)
    indices = islice(range(0, len(dataset), step), PICTURES)
    paths = [dataset.get_data_info(i)['img_path'] for i in indices]
    return [read_image(path)[..., ::-1] for path in paths]
