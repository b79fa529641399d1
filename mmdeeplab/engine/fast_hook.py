"""``tools/test.py --fast``: the fast network in the plain one's place once the weights are read."""

from itertools import islice

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmdeeplab.engine.checkpoint import unwrap
from mmdeeplab.registry import HOOKS

PICTURES = 16  # of the training split, by which int8 and bf16 are corrected


@HOOKS.register_module()
class FastHook(Hook):
    """Evaluate by :func:`mmdeeplab.fast.accelerate`.

    Predictions have no logits then, so that the loss is not measured.

    Args:
        fast: The lowest precision allowed: True, ``'bf16'`` or ``'int8'``.
        keep_logits: Predictions have logits all the same, for a CRF.
    """

    def __init__(self, fast: bool | str = True, keep_logits: bool = False) -> None:
        self.fast, self.keep_logits = fast, keep_logits

    def before_test(self, runner: Runner) -> None:
        from mmdeeplab.fast import accelerate

        calibration = training_pictures(runner) if self.fast in ('bf16', 'int8') else []
        runner.model = accelerate(runner.model.eval(), self.fast, self.keep_logits, calibration)


def training_pictures(runner: Runner) -> list[Tensor]:
    """A few training pictures as the network sees them in a test, evenly over the split."""
    from mmdeeplab.datasets.loading import read_image
    from mmdeeplab.inference.predictor import prepared
    from mmdeeplab.registry import DATASETS

    network = unwrap(runner.model)
    dataset = DATASETS.build(runner.cfg.train_dataloader.dataset)
    step = max(len(dataset) // PICTURES, 1)
    indices = islice(range(0, len(dataset), step), PICTURES)
    paths = [dataset.get_data_info(i)['img_path'] for i in indices]
    return [prepared(network, read_image(path)[..., ::-1]) for path in paths]
