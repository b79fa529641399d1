"""No step is made from a loss or a gradient that is NaN or Inf."""

from contextlib import AbstractContextManager
from functools import cache
from math import isfinite
from typing import Any

import torch
from mmengine import dist
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.optim import Optimizer

from mmdeeplab.finite import all_finite, each_finite, size


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
