"""Measure the share of time that training waits for data."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.registry import HOOKS


@HOOKS.register_module()
class DataTimeHook(Hook):
    """Log ``data_share``, the time of waiting for batches divided by the time of the iterations.

    Each value is about the iterations since the last log line. One above ``limit`` causes a
    warning, once per run. The first value does not count: workers start, and caches are cold.

    Args:
        limit: Share, 0 to 1, above which there is a warning.
        interval: Number of iterations of one value; by default the interval of the log.
    """

    priority = 'NORMAL'  # after the timer, before the logger

    def __init__(self, limit: float = 0.1, interval: int | None = None) -> None:
        self.limit, self.interval = limit, interval
        self.waited = self.spent = 0.0
        self.lines = 0
        self.warned = False

    def before_train(self, runner: Runner) -> None:
        logger = (runner.cfg.get('default_hooks') or {}).get('logger') or {}
        self.interval = self.interval or logger.get('interval', 10)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        hub = runner.message_hub
        if 'train/time' not in hub.log_scalars:  # no timer in this run
            return
        self.waited += hub.get_scalar('train/data_time').current()
        self.spent += hub.get_scalar('train/time').current()
        if (runner.iter + 1) % self.interval:
            return
        share = self.waited / max(self.spent, 1e-9)
        self.waited = self.spent = 0.0
        self.lines += 1
        hub.update_scalar('train/data_share', share)
        if share > self.limit and self.lines > 1 and not self.warned:
            self.warned = True
            runner.logger.warning(advice(share, runner))


def advice(share: float, runner: Runner) -> str:
    """The warning that training waits for data, with what can be done about it."""
    workers = getattr(runner.train_dataloader, 'num_workers', 0)
    return (
        f'training waits for data {share:.0%} of the time: raise train_dataloader.num_workers '
        f'(now {workers}), or keep decoded pictures with LoadImage(cache=DIR); see '
        'docs/training_speed.md'
    )
