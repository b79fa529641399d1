"""Save and exit when a scheduler, a terminal or torchrun sends a signal."""

import os
import signal
import threading
from datetime import timedelta
from types import FrameType
from typing import Any

import torch
import torch.distributed
from mmengine import dist
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner

from mmdeeplab.engine.distributed.ranks import TIMEOUT
from mmdeeplab.engine.distributed.signal_watch import LIMITS, SignalWatch
from mmdeeplab.engine.loops import resumes_anywhere

SIGNALS = tuple(LIMITS)


class PreemptionHook(Hook):
    """On SIGTERM, SIGINT or SIGUSR1 finish the step, save, and exit with 128 + the signal.

    The exit status 143, 130 or 138 means that the run was saved and can be resumed. All ranks leave
    after the same step, no matter which of them got the signal. During validation, the weights of
    the last step are saved, and the resumed run repeats that validation. A second signal ends the
    process at once, and so does a step that never ends because it waits for another rank
    (:mod:`mmdeeplab.engine.distributed.signal_watch`).
    """

    priority = 'LOWEST'  # after all other hooks of the step

    def __init__(self) -> None:
        self.signal, self.leaving = 0, False
        self.watch: SignalWatch | None = None
        self.group: Any = None
        self.old_handlers: dict = {}

    def before_train(self, runner: Runner) -> None:
        if dist.get_world_size() > 1:  # on CPUs: NCCL would wait for the GPU at every step
            limit = timedelta(seconds=getattr(runner, 'timeout', TIMEOUT))
            self.group = torch.distributed.new_group(timeout=limit, backend='gloo')
        self.process = os.getpid()
        if threading.current_thread() is threading.main_thread():
            self.old_handlers = {number: signal.signal(number, self._note) for number in SIGNALS}
            self.watch = SignalWatch(self._answered)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self.process:  # not a data loading process, which the step still needs
            self.signal = self.signal or number

    def _answered(self) -> bool:
        """Whether this process is saving or, if it is the only one, has noticed the signal."""
        return self.leaving or (self.group is None and self.signal > 0)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        number = self.signal
        if self.group is not None:
            flag = torch.tensor([number])
            torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX, self.group)
            number = int(flag)
        if number:
            self._leave(runner, number, runner.iter + 1)

    def after_val_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if self.signal and self.old_handlers:
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    hook.after_val_epoch(runner)  # puts the trained weights back
            self.group = None  # other ranks may be at another image
            self._leave(runner, self.signal, runner.iter)

    def _leave(self, runner: Runner, number: int, done: int) -> None:
        name, self.leaving = signal.Signals(number).name, True
        runner.logger.warning(f'{name}: leaving after iteration {done}')
        failure = self.save(runner, done)
        if self.group is not None:
            # If a rank ended now, the launcher would kill the one that saves.
            torch.distributed.barrier(self.group)
        if not failure:
            runner.logger.warning(f'{name}: saved iteration {done}; go on with --resume')
        raise SystemExit(128 + number)

    def save(self, runner: Runner, done: int) -> str:
        """Save the state after ``done`` iterations; return why, if it cannot be saved."""
        from mmdeeplab.engine.hooks.checkpoint_hook import LAST, CheckpointHook

        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        if not hooks or not resumes_anywhere(runner.train_loop):
            loop = type(runner.train_loop).__name__
            cause = f'{loop} cannot go on within an epoch' if hooks else 'no hook saves checkpoints'
            runner.logger.warning(f'not saved: {cause}')
            return 'not saved'
        (hook, *_) = hooks
        if hook.saved_iter != done:
            hook.save_now(runner, dict(epoch=runner.epoch, iter=done))
        hook.writer.finish()
        return hook.failures.get(LAST, '')

    def after_train(self, runner: Runner) -> None:
        for number, handler in self.old_handlers.items():
            signal.signal(number, handler)
        self.old_handlers = {}
        if self.watch is not None:
            self.watch.close()
            self.watch = None
