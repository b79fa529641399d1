"""Save so that nothing is ever lost but the time since the last save."""

import os
from pathlib import Path

from mmengine import dist
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import BaseLoop, Runner

from mmdeeplab.checkpoints.disk import NotSaved, probe, replacing, sweep
from mmdeeplab.checkpoints.find import POINTER
from mmdeeplab.checkpoints.store import snapshot
from mmdeeplab.checkpoints.writer import Writer
from mmdeeplab.engine.checkpoint import unwrap
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.errors import UserError
from mmdeeplab.registry import HOOKS

KEPT = 'keep_ckpt_ids'
ITER, EPOCH = 'iter_{}.safetensors', 'epoch_{}.safetensors'


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """MMEngine's hook with its arguments, whose saves a kill or a full disk cannot spoil.

    A file is written beside, flushed to the disk and renamed; then ``last_checkpoint`` (a name
    relative to the work dir) follows; the oldest file goes last. A save that fails is reported
    with path and space; training goes on and the next save tries again. Only when the last one
    of a run failed does the run end with an error.

    Args:
        interval: Between two saves; that of validation when None, never when negative.
        by_epoch: Whether ``interval`` counts epochs; as the training loop does when None. Then
            files are ``epoch_N``; one that is saved within an epoch, on a signal, is ``iter_N``.
        async_save: Copy the state and write it in the background. Takes the state's size in
            memory once more, and the time of a copy instead of the time of the disk.
        kwargs: :class:`mmengine.hooks.CheckpointHook`; ``filename_tmpl`` must end in
            ``.safetensors``.
    """

    out_dir: str | None

    def __init__(
        self,
        interval: int | None = None,
        by_epoch: bool | None = None,
        *args: object,
        async_save: bool = False,
        filename_tmpl: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(-1, bool(by_epoch), *args, filename_tmpl=filename_tmpl, **kwargs)
        self.given = (interval, by_epoch, filename_tmpl)
        self.filename_tmpl = filename_tmpl or ITER
        if not self.filename_tmpl.endswith('.safetensors'):
            raise ValueError(f'filename_tmpl must end in .safetensors, got {self.filename_tmpl!r}')
        if self.published_keys or self.args:
            odd = ['published_keys'] * bool(self.published_keys) + sorted(self.args)
            raise ValueError(f'mmdeeplab.CheckpointHook has no argument {", ".join(odd)}')
        self.writer = Writer(background=async_save)
        self.async_save = async_save
        self.failure = ''

    def before_run(self, runner: Runner) -> None:
        """Refuse MMEngine's own Runner, which saves and resumes otherwise.

        Raises:
            UserError: With what to write instead.
        """
        training = isinstance(runner._train_loop, BaseLoop)  # built, not only configured
        if training and not hasattr(runner, 'training_state'):
            raise UserError(
                f'{type(runner).__name__} cannot train this config, whose runner_type is '
                'mmdeeplab.DeepLabRunner: write `RUNNERS.build(cfg).train()` with `from '
                'mmengine.registry import RUNNERS`, or use tools/train.py'
            )

    def before_train(self, runner: Runner) -> None:
        self.folder = Path(runner.work_dir)
        if self.out_dir is not None:
            self.folder = Path(self.out_dir) / self.folder.name
        self.out_dir = str(self.folder)
        self._follow(runner.train_loop)
        kept = runner.message_hub.runtime_info.get(KEPT, [])
        # older files hold numbers
        self.kept = [k if isinstance(k, str) else self.filename_tmpl.format(k) for k in kept]
        self.saved_iter: int | None = None
        if not dist.is_main_process():
            return
        for path in {Path(runner.work_dir), self.folder}:
            if path.is_dir():
                for leftover in sweep(path):
                    runner.logger.info(f'removed {leftover}, left by a process that was killed')
        size = sum(t.numel() * t.element_size() for t in unwrap(runner.model).state_dict().values())
        probe(self.folder, size, runner.disk)
        # a kill may have come between file, pointer and deletion
        if self.kept and self.kept[-1] == self._newest_good():
            self._point(runner, self.kept[-1])
            self._prune(runner)

    def _follow(self, loop: BaseLoop) -> None:
        """Count as the training loop does where the config does not say."""
        interval, by_epoch, template = self.given
        self.by_epoch = counts_epochs(loop) if by_epoch is None else by_epoch
        self.interval = loop.val_interval if interval is None else interval
        self.filename_tmpl = template or (EPOCH if self.by_epoch else ITER)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._save(runner, self.filename_tmpl.format(step), meta)

    def save_now(self, runner: Runner, meta: dict) -> None:
        """Save after any iteration.

        Args:
            runner: Whose state.
            meta: ``iter`` and ``epoch`` that are complete.
        """
        template = ITER if self.by_epoch else self.filename_tmpl
        self._save(runner, template.format(meta['iter']), meta)

    def _save(self, runner: Runner, name: str, meta: dict) -> None:
        self.finish(runner)
        self.saved_iter = meta['iter']
        if name not in self.kept:
            self.kept.append(name)
        # files that are about to go are still listed: a resumed run deletes them if this one cannot
        runner.message_hub.update_info(KEPT, list(self.kept))
        self.last_ckpt = str(self.folder / name)
        runner.message_hub.update_info('last_ckpt', name)
        self._write(runner, name, meta, self.save_optimizer, self.save_param_scheduler, last=True)

    def _write(
        self,
        runner: Runner,
        name: str,
        meta: dict,
        optimizer: bool,
        schedulers: bool,
        last: bool = False,
        replaced: str | None = None,
    ) -> None:
        if not dist.is_main_process():
            return
        self.finish(runner)
        state = runner.training_state(meta, optimizer, schedulers)
        if self.async_save:
            state = snapshot(state)

        def save() -> None:
            try:
                runner.write_state(self.folder / name, state)
            except OSError:
                if last and not (self.folder / name).is_file():
                    self.kept.pop()
                raise
            if last:
                try:
                    self._point(runner, name)
                finally:
                    self._prune(runner)
            elif replaced and replaced != name:
                runner.disk.remove(self.folder / replaced)

        self._report(runner, self.writer.run(save))

    def _report(self, runner: Runner, error: Exception | None) -> None:
        """Tell what became of the latest save; ``None`` when it worked."""
        if error is None:
            self.failure = ''
            return
        if not isinstance(error, OSError):
            raise error
        self.failure = str(error)
        text = str(error) if isinstance(error, NotSaved) else f'{self.folder}: {error}'
        runner.logger.error(
            f'{text}; training goes on, the next save tries again, '
            f'the newest good checkpoint is {self._newest_good()}'
        )

    def _newest_good(self) -> str:
        good = (name for name in reversed(self.kept) if (self.folder / name).is_file())
        return next(good, 'missing: none was saved yet')

    def _point(self, runner: Runner, name: str) -> None:
        folder = Path(runner.work_dir)
        relative = os.path.relpath(self.folder / name, folder)
        with replacing(folder / POINTER, runner.disk) as file:
            runner.disk.write(file, relative.encode())

    def _prune(self, runner: Runner) -> None:
        """Delete all but the newest ``max_keep_ckpts`` files of this run."""
        while len(self.kept) > self.max_keep_ckpts > 0:
            runner.disk.remove(self.folder / self.kept[0])
            self.kept.pop(0)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best:
            return
        if 'auto' in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        step = runner.epoch if self.by_epoch else runner.iter
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        hub, better = runner.message_hub, False
        for key, rule in zip(self.key_indicators, self.rules, strict=True):
            suffix = '' if len(self.key_indicators) == 1 else f'_{key}'
            best = hub.runtime_info.get(f'best_score{suffix}', self.init_value_map[rule])
            if metrics[key] is None or not self.is_better_than[key](metrics[key], best):
                continue
            better = True
            old = hub.runtime_info.get(f'best_ckpt{suffix}')
            name = f'best_{key}_{self.filename_tmpl.format(step)}'.replace('/', '_')
            hub.update_info(f'best_score{suffix}', metrics[key])
            hub.update_info(f'best_ckpt{suffix}', name)
            replaced = Path(old).name if old else None
            self._write(runner, name, meta, True, True, replaced=replaced)  # to be resumed, too
            runner.logger.info(f'the best {key} so far, {metrics[key]:.4f}: {name}')
        if better and self.saved_iter == runner.iter:  # its file learns the best score
            self._save_checkpoint_with_step(runner, step, meta)

    def after_train(self, runner: Runner) -> None:
        self.finish(runner)
        if self.failure:
            raise UserError(f'the run is complete, but its last checkpoint is lost: {self.failure}')

    def finish(self, runner: Runner) -> None:
        """Wait for a save in the background and report it."""
        if self.writer.busy:
            self._report(runner, self.writer.wait())
