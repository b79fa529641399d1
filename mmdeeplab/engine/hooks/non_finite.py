"""NaN and Inf in training: report skipped steps, stop if they persist, never save such weights."""

from math import isfinite
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmdeeplab.engine.optim.non_finite import Guard
from mmdeeplab.errors import UserError, listed
from mmdeeplab.finite import broken, image_ids, require_finite_predictions, tensors_of

PATIENCE = 10
SKIPPED = 'skipped_steps'  # in the message hub, and so in checkpoints: what the guard counts


class NonFiniteHook(Hook):
    """Report skipped steps, stop a run that cannot go on, and refuse non-finite logits.

    Args:
        patience: Number of skipped steps in a row after which the run stops. Under float16, where
            skipped steps are how the gradient scaler finds its scale, there is only a warning then;
            the run stops if the scale cannot become smaller (it is 1, or fixed).

    Raises:
        ValueError: ``patience`` is below 1.
    """

    priority = 'HIGHEST'  # values that are not finite are dropped before others note them

    def __init__(self, patience: int = PATIENCE) -> None:
        if patience < 1:
            raise ValueError(f'non_finite.patience must be at least 1, got {patience}')
        self.patience = patience

    def before_train(self, runner: Runner) -> None:
        guard = getattr(runner.optim_wrapper, 'guard', None)
        if guard is not None and SKIPPED in runner.message_hub.runtime_info:
            guard.skipped, guard.in_a_row, guard.non_finite = runner.message_hub.get_info(SKIPPED)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        guard = getattr(runner.optim_wrapper, 'guard', None)
        if guard is None:
            return
        counts = guard.skipped, guard.in_a_row, guard.non_finite
        if any(counts) or SKIPPED in runner.message_hub.runtime_info:
            runner.message_hub.update_info(SKIPPED, list(counts))
        copy_to_cpu(outputs or {})
        for key in [k for k, v in (outputs or {}).items() if not isfinite(number(v))]:
            outputs.pop(key)  # type: ignore[union-attr]
        if guard.what:
            self._report(runner, guard, data_batch)
            guard.what = ''
        elif guard.overflow and guard.in_a_row >= self.patience:
            self._report_overflow(runner, guard.in_a_row)
        if guard.skipped:
            runner.message_hub.update_scalar('train/skipped', guard.skipped)

    def _report(self, runner: Runner, guard: Guard, batch: Any) -> None:
        culprits = image_ids(batch, only_bad=True)
        cause = f'; the input of {listed(culprits)} holds such numbers' if culprits else ''
        images = listed(image_ids(batch)) or 'a batch without ids'
        where = f'not finite {guard.what} on {images}{cause}'
        runner.logger.warning(
            f'step {runner.iter + 1} is skipped: {where} ({guard.skipped} skipped so far)'
        )
        require_finite_weights(runner, where)
        if guard.in_a_row >= self.patience:
            raise UserError(
                f'stopped in step {runner.iter + 1}, after {guard.in_a_row} skipped steps in a row '
                f'(non_finite.patience): {where}. {WAY_OUT}'
            )

    def _report_overflow(self, runner: Runner, steps: int) -> None:
        """Stop or warn if float16 gradients have overflowed in too many steps in a row."""
        scale = runner.optim_wrapper.loss_scaler.get_scale()
        where = f'gradients are not finite in {steps} steps in a row (scale of float16: {scale:g})'
        require_finite_weights(runner, where)
        if not runner.optim_wrapper.can_scale_down:
            raise UserError(
                f'stopped in step {runner.iter + 1} (non_finite.patience): {where}. {WAY_OUT}, or '
                'in bfloat16: optim_wrapper.type=mmdeeplab.AutocastOptimWrapper'
            )
        if steps == self.patience:
            runner.logger.warning(f'step {runner.iter + 1} is skipped: {where}')

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        require_finite_predictions(outputs)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        require_finite_predictions(outputs)


def require_finite_weights(runner: Runner, where: str) -> None:
    """Stop a run whose weights are NaN or Inf; ``where`` is for the message."""
    if weights := broken(dict(runner.model.named_parameters())):
        raise UserError(
            f'stopped in step {runner.iter + 1}: {len(weights)} weights are not finite '
            f'({listed(weights)}), which no step can mend; {where}. {WAY_OUT}'
        )


def number(value: Any) -> float:
    """A number, or a tensor with a single value, as a float."""
    return value.item() if isinstance(value, Tensor) else value


WAY_OUT = (
    'Checkpoints hold finite numbers only: go on by --resume with a lower '
    'optim_wrapper.optimizer.lr, or with optim_wrapper.clip_grad.max_norm=1'
)


class FiniteCheckpointHook(Hook):
    """Refuse to save a checkpoint with NaN or Inf in weights, statistics or optimiser state."""

    priority = 'LOWEST'  # after hooks that put averaged weights in

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        parts = {key: checkpoint.get(key) for key in ('state_dict', 'ema_state_dict', 'optimizer')}
        bad = broken(dict(tensors_of(parts)))
        if bad:
            iteration = checkpoint['meta']['iter']
            raise UserError(
                f'iteration {iteration} is not saved: {len(bad)} tensors are not finite '
                f'({listed(bad)}). {WAY_OUT}'
            )


def copy_to_cpu(outputs: dict) -> None:
    """Copy the values of a step for the log from a GPU in one transfer, in place."""
    on_gpu = {
        key: value.detach().reshape(())
        for key, value in outputs.items()
        if isinstance(value, Tensor) and value.is_cuda and value.numel() == 1
    }
    dtypes = {value.dtype for value in on_gpu.values()}
    if len(dtypes) == 1:
        outputs.update(zip(on_gpu, torch.stack(list(on_gpu.values())).cpu(), strict=True))
