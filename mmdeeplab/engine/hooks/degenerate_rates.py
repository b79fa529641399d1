"""Warn before training if an atrous rate reaches beyond the map that the convolution reads."""

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.data import training_size
from mmdeeplab.errors import UserError
from mmdeeplab.models.analysis import degenerate_rates, input_channels
from mmdeeplab.registry import HOOKS


@HOOKS.register_module()
class DegenerateRateHook(Hook):
    """Warn about 3x3 convolutions that have become 1x1, as their outer taps read padding only."""

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        if not dist.is_main_process():
            return
        model = unwrap(runner.model)
        try:
            shape = (1, input_channels(model), *training_size(runner.cfg))
        except UserError:  # batches are as large as their images
            return
        for warning in degenerate_rates(model, shape):
            runner.logger.warning(warning)
