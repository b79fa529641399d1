"""NaN and Inf: skip the step, stop when they stay, save and evaluate none of them."""

from contextlib import AbstractContextManager
from functools import cache
from math import isfinite
from typing import Any

import torch
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from mmdeeplab.errors import UserError
from mmdeeplab.finite import (
    all_finite,
    broken,
    each_finite,
    fetch,
    ids,
    listed,
    require_finite_predictions,
    size,
    tensors_of,
)

PATIENCE = 10
SKIPPED = 'skipped_steps'  # in the message hub, and so in checkpoints: what the guard counts


class Guard:
    """Watch over the steps of an optimiser wrapper; see :func:`guarded`."""

    def __init__(self) -> None:
        self.non_finite = False  # a batch of the step in the making was not finite
        self.skipped = self.in_a_row = 0
        self.what = ''
        self.overflow = False  # the last step was skipped by the scaler of float16 gradients
        # copies and buffers of one type together, as multi-tensor kernels need; None: not yet
        self._saved: list[tuple[list[Tensor], list[Tensor]]] | None = None

    def remember(self, model: nn.Module) -> None:
        """Copy the statistics of norms before a forward pass changes them."""
        if self._saved is None:
            by_dtype: dict[torch.dtype, list[Tensor]] = {}
            for buffer in model.buffers():
                by_dtype.setdefault(buffer.dtype, []).append(buffer)
            self._saved = [
                ([torch.empty_like(b) for b in buffers], buffers) for buffers in by_dtype.values()
            ]
        with torch.no_grad():
            for saved, buffers in self._saved:
                torch._foreach_copy_(saved, buffers)

    def look(self, loss: Tensor, gradients: list[Tensor]) -> None:
        """Test a loss and its gradients; where one is not finite on any rank, no rank steps."""
        on_this_rank, bad = self._tested(loss, gradients)
        if bad:
            self.non_finite = True
            where = 'in the gradient' if on_this_rank else 'on another rank'
            self.what = where if loss.isfinite() else f'in the loss ({loss.item()})'
            with torch.no_grad():
                for saved, buffers in self._saved or ():
                    torch._foreach_copy_(buffers, saved)

    def _tested(self, loss: Tensor, gradients: list[Tensor]) -> tuple[bool, bool]:
        """Whether loss or gradients are not finite on this rank, and on any; one wait for a GPU."""
        alone = dist.get_world_size() == 1
        everything = [loss.detach(), *gradients]
        if loss.device.type == 'cpu':  # nothing to wait for
            on_this_rank = not (isfinite(loss.item()) and (not gradients or all_finite(gradients)))
        else:
            suspicious = 1 - size(everything).isfinite().float()
            if not alone:
                dist.all_reduce(suspicious, 'max')
            if not bool(suspicious):
                return False, False
            on_this_rank = not each_finite(everything)
        if alone:
            return on_this_rank, on_this_rank
        flag = torch.tensor(float(on_this_rank), device=loss.device)
        dist.all_reduce(flag, 'max')
        return on_this_rank, bool(flag)

    def may_step(self) -> bool:
        """Whether the step may be made; counts the ones that may not."""
        good, self.non_finite = not self.non_finite, False
        self.overflow = False
        if not good:
            self._count(skipped=True)
        return good

    def note_step(self, made: bool) -> None:
        """Count a step that was made, or that the scaler of float16 gradients has skipped."""
        self.overflow = not made
        self._count(skipped=not made)

    def _count(self, skipped: bool) -> None:
        self.in_a_row = self.in_a_row + 1 if skipped else 0
        self.skipped += skipped


class GuardedOptimWrapper(OptimWrapper):
    """To be mixed with an optimiser wrapper by :func:`guarded`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guard = Guard()
        # under float16 gradients that overflow are everyday: the scaler skips and halves its scale
        self.scaled = hasattr(self, 'loss_scaler')
        self._stepped = False
        if self.scaled:
            self.optimizer.register_step_post_hook(self._note_step)

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """As MMEngine's, which warns of gradients that a resumed run has restored."""
        part = init_counts % self._accumulative_counts if dist.get_world_size() == 1 else 0
        super().initialize_count_status(model, init_counts - part, max_counts)
        self._inner_count = init_counts

    def optim_context(self, model: nn.Module) -> AbstractContextManager[None]:
        self.guard.remember(model)
        return super().optim_context(model)

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        super().backward(loss, **kwargs)
        gradients: list[Tensor] = []
        for group in [] if self.scaled else self.optimizer.param_groups:
            gradients += [p.grad for p in group['params'] if p.grad is not None]
        self.guard.look(loss, gradients)

    def step(self, **kwargs: Any) -> None:
        if not self.guard.may_step():
            return
        self._stepped = not self.scaled
        super().step(**kwargs)
        self.guard.note_step(self._stepped)

    def _note_step(self, optimizer: Optimizer, *args: object) -> None:
        # after Inf or NaN the scaler does not call an optimiser, except a fused one, which it tells
        found_inf = getattr(optimizer, 'found_inf', None)
        self._stepped = found_inf is None or not bool(found_inf)

    @property
    def can_scale_down(self) -> bool:
        """Whether the scaler may still find a scale at which float16 gradients do not overflow."""
        fixed = getattr(self, '_scale_update_param', None) is not None
        return self.scaled and not fixed and self.loss_scaler.get_scale() > 1


@cache
def guarded(wrapper: type[OptimWrapper]) -> type[OptimWrapper]:
    """A subclass of ``wrapper`` that makes no step from a loss or gradient that is not finite.

    One test a batch, over the loss and all gradients at once. A skipped step leaves weights,
    optimiser and the running statistics of norms as they were; under gradient accumulation the
    whole step is skipped. On several ranks all skip.
    """
    return type(f'Guarded{wrapper.__name__}', (GuardedOptimWrapper, wrapper), {})


class NonFiniteHook(Hook):
    """Report skipped steps, stop a run that cannot go on, refuse non-finite logits.

    Args:
        patience: Skipped steps in a row after which the run stops. Under float16, where the scale
            of the gradients is found by skipping, it warns then, and stops once no smaller scale
            is left (1, or a fixed one).

    Raises:
        ValueError: It is below 1.
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
        skipped = guard.skipped, guard.in_a_row, guard.non_finite
        if any(skipped) or SKIPPED in runner.message_hub.runtime_info:
            runner.message_hub.update_info(SKIPPED, list(skipped))
        fetch(outputs or {})
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
        culprits = ids(batch, only_bad=True)
        cause = f'; the input of {listed(culprits)} holds such numbers' if culprits else ''
        where = f'not finite {guard.what} on {listed(ids(batch)) or "a batch without ids"}{cause}'
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
        """Stop, or warn, where float16 gradients overflow in too many steps in a row."""
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
    """Stop a run whose weights no step can mend; ``where`` tells what was noticed."""
    if weights := broken(dict(runner.model.named_parameters())):
        raise UserError(
            f'stopped in step {runner.iter + 1}: {len(weights)} weights are not finite '
            f'({listed(weights)}), which no step can mend; {where}. {WAY_OUT}'
        )


def number(value: Any) -> float:
    """A tensor of one value, also one with a graph, or a number, as a number."""
    return value.item() if isinstance(value, Tensor) else value


WAY_OUT = (
    'Checkpoints hold finite numbers only: go on by --resume with a lower '
    'optim_wrapper.optimizer.lr, or with optim_wrapper.clip_grad.max_norm=1'
)


class FiniteCheckpointHook(Hook):
    """Save no checkpoint whose weights, statistics or optimiser state are not finite."""

    priority = 'LOWEST'  # after hooks that put averaged weights in

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        parts = {key: checkpoint.get(key) for key in ('state_dict', 'ema_state_dict', 'optimizer')}
        bad = broken(dict(tensors_of(parts)))
        if bad:
            done = checkpoint['meta']['iter']
            raise UserError(
                f'iteration {done} is not saved: {len(bad)} tensors are not finite '
                f'({listed(bad)}). {WAY_OUT}'
            )
