"""Skip optimiser steps whose loss or gradients are NaN or Inf."""

from contextlib import AbstractContextManager
from functools import cache
from math import isfinite
from typing import Any

import torch
from mmengine import dist
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.optim import Optimizer

from mmdeeplab.engine.optim.fused import is_fused
from mmdeeplab.finite import all_finite, finite_on_device


class Guard:
    """Decides whether the steps of an optimiser wrapper are made; see :func:`guarded`."""

    def __init__(self) -> None:
        self.non_finite = False  # whether a batch of the current step was not finite
        self.skipped = self.in_a_row = 0
        self.what = ''
        self.overflow = False  # whether the gradient scaler skipped the last step
        # copies and buffers of one type together, as multi-tensor kernels need; None: not yet
        self._saved: list[tuple[list[Tensor], list[Tensor]]] | None = None
        # 1 where the batch was not finite: on this rank, and behind it on any; None: settled
        self.answers: Tensor | None = None
        self._loss = torch.zeros(())  # of the last batch

    def remember(self, model: nn.Module) -> None:
        """Copy the running statistics of norms before a forward pass changes them."""
        self.settle()
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
        """Test a loss and its gradients; if one is not finite on any rank, no rank makes the step.

        On a GPU the answer stays there until :meth:`settle` asks for it.
        """
        self.settle()
        self._loss = loss.detach()
        on_cpu = loss.device.type == 'cpu'
        if on_cpu:
            finite = isfinite(loss.item()) and (not gradients or all_finite(gradients))
            self.answers = torch.tensor([float(not finite)])
        else:
            self.answers = 1 - finite_on_device([self._loss, *gradients]).float()
        if dist.get_world_size() > 1:
            anywhere = self.answers.clone()
            dist.all_reduce(anywhere, 'max')
            self.answers = torch.cat([self.answers, anywhere])
        if on_cpu:  # nothing to wait for
            self.settle()

    def settle(self) -> None:
        """Wait for the answer about the last batch, if it is still on the GPU.

        After a batch that was not finite, the statistics of norms that it changed are restored.
        """
        if self.answers is None:
            return
        answers, self.answers = self.answers.tolist(), None
        if not answers[-1]:
            return
        self.non_finite = True
        where = 'in the gradient' if answers[0] else 'on another rank'
        loss = self._loss.item()
        self.what = where if isfinite(loss) else f'in the loss ({loss})'
        with torch.no_grad():
            for saved, buffers in self._saved or ():
                torch._foreach_copy_(buffers, saved)

    def may_step(self) -> bool:
        """Whether the step may be made, as far as is known on the host."""
        self.settle()
        finite, self.non_finite = not self.non_finite, False
        return finite

    def note_step(self, made: bool, overflow: bool = False) -> None:
        """Count a step that was made or skipped; ``overflow``: skipped by the gradient scaler."""
        self.overflow = overflow
        self.in_a_row = 0 if made else self.in_a_row + 1
        self.skipped += not made


class GuardedOptimWrapper(OptimWrapper):
    """Mix-in that :func:`guarded` combines with an optimiser wrapper's class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guard = Guard()
        # float16 gradients often overflow: the scaler then skips the step and halves its scale
        self.scaled = hasattr(self, 'loss_scaler')
        self._stepped = False  # whether the scaler let the optimiser make the last step
        if self.scaled:
            self.optimizer.register_step_post_hook(self._note_scaled_step)

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Begin to count steps, without MMEngine's warning about gradients of a resumed run."""
        unfinished = init_counts % self._accumulative_counts if dist.get_world_size() == 1 else 0
        super().initialize_count_status(model, init_counts - unfinished, max_counts)
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

    def update_params(self, *args: Any, **kwargs: Any) -> None:
        super().update_params(*args, **kwargs)
        self.guard.settle()  # a batch without a step

    def step(self, **kwargs: Any) -> None:
        guard, optimizer = self.guard, self.optimizer
        is_first = not optimizer.state
        answers = None if guard.non_finite or self.scaled else guard.answers
        if answers is not None and is_fused(optimizer):
            # the optimiser reads the answer on the GPU, so the host waits for it only afterwards
            optimizer.found_inf = answers[-1]
            super().step(**kwargs)
            del optimizer.found_inf
            made = finite = guard.may_step()
        else:
            finite = guard.may_step()
            self._stepped = finite and not self.scaled
            if finite:
                super().step(**kwargs)
            made = self._stepped
        guard.note_step(made, overflow=finite and not made)
        if is_first and not made:
            # a skipped first step of fused SGD leaves its momentum uninitialised
            optimizer.state.clear()

    def _note_scaled_step(self, optimizer: Optimizer, *args: object) -> None:
        # after Inf or NaN the scaler does not call an optimiser, except a fused one, which it tells
        found_inf = getattr(optimizer, 'found_inf', None)
        self._stepped = found_inf is None or not bool(found_inf)

    @property
    def can_scale_down(self) -> bool:
        """Whether the gradient scaler can still try a smaller scale."""
        fixed = getattr(self, '_scale_update_param', None) is not None
        return self.scaled and not fixed and self.loss_scaler.get_scale() > 1


@cache
def guarded(wrapper: type[OptimWrapper]) -> type[OptimWrapper]:
    """A subclass of ``wrapper`` that skips steps whose loss or gradients are not finite.

    There is one test per batch, over the loss and all gradients at once. A skipped step leaves
    weights, optimiser state and the running statistics of norms as they were. Under gradient
    accumulation the whole step is skipped; on several ranks all ranks skip it.
    """
    return type(f'Guarded{wrapper.__name__}', (GuardedOptimWrapper, wrapper), {})
