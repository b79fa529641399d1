"""Make up for a validation during which a run was interrupted."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.engine.loops import counts_epochs

# Key in the message hub of the iteration of the latest complete validation.
VALIDATED = 'latest_validation'


class ResumedValidationHook(Hook):
    """Validate before the first step if a resumed checkpoint has no result of its validation yet.

    A checkpoint is saved before the validation of its iteration, and again with the result. If the
    run ended in between, the score of this iteration would otherwise be missing.
    """

    priority = 'LOWEST'  # when everything else is ready to train

    def before_train(self, runner: Runner) -> None:
        if validation_is_due(runner) and runner.message_hub.get_info(VALIDATED) != runner.iter:
            runner.logger.info(
                f'the checkpoint of iteration {runner.iter} holds no result of the validation that '
                'belongs to it: made now'
            )
            runner.val_loop.run()


def validation_is_due(runner: Runner) -> bool:
    """Whether the loop validates after the last completed iteration."""
    loop = runner.train_loop
    if runner.val_loop is None or loop.iter == 0:
        return False
    done, end = loop.iter, loop.max_iters
    if counts_epochs(loop):
        if loop.iter != loop.epoch * len(loop.dataloader):  # within an epoch
            return False
        done, end = loop.epoch, loop.max_epochs
    interval = loop.val_interval
    for begin, value in zip(loop.dynamic_milestones, loop.dynamic_intervals, strict=True):
        interval = value if done + 1 >= begin else interval
    return done >= loop.val_begin and (done % interval == 0 or done >= end)
