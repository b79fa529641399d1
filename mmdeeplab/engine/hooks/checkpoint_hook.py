"""Save checkpoints safely: a crash loses only what was trained since the last one."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from mmengine import dist
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import BaseLoop, Runner

from mmdeeplab.checkpoint.async_writer import Writer
from mmdeeplab.checkpoint.class_order import data_classes, require_order
from mmdeeplab.checkpoint.find import POINTER, checkpoint_folder, read_summary
from mmdeeplab.checkpoint.fine_tune import class_names
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.checkpoint.safetensors_layout import Damaged
from mmdeeplab.checkpoint.store import snapshot
from mmdeeplab.command_names import tool
from mmdeeplab.engine.build_errors import building
from mmdeeplab.engine.hooks.resumed_validation import VALIDATED
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import NotSaved, probe, replacing, sweep
from mmdeeplab.registry import HOOKS

KEPT = 'keep_ckpt_ids'
ITER, EPOCH = 'iter_{}.safetensors', 'epoch_{}.safetensors'
LAST = 'the last checkpoint'


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """MMEngine's hook, with its arguments, whose checkpoints survive a kill or a full disk.

    A checkpoint is written to a temporary file, flushed to the disk and renamed. Then
    ``last_checkpoint`` (a name relative to the work dir) is updated, and at last the oldest file is
    deleted. After the validation of an iteration its file is written again, with the scores, the
    best checkpoint so far and the state of early stopping. If saving fails, path and free space are
    reported, training goes on, and the next save tries again. Only if the last save of a run fails
    does the run end with an error.

    Args:
        interval: Iterations or epochs between two saves; None: as often as validation; negative:
            never.
        by_epoch: Whether ``interval`` counts epochs; None: as the training loop does. Files are
            then called ``epoch_N``; one that is saved within an epoch, on a signal, ``iter_N``.
        async_save: Copy the state and write it in the background. This needs the state's size in
            memory once more; training waits for the copy instead of the disk.
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
        with building('default_hooks.checkpoint'):
            super().__init__(-1, bool(by_epoch), *args, filename_tmpl=filename_tmpl, **kwargs)
        self.configured = (interval, by_epoch, filename_tmpl)
        self.filename_tmpl = filename_tmpl or ITER
        if not self.filename_tmpl.endswith('.safetensors'):
            raise ValueError(f'filename_tmpl must end in .safetensors, got {self.filename_tmpl!r}')
        if self.published_keys or self.args:
            refused = ['published_keys'] * bool(self.published_keys) + sorted(self.args)
            raise ValueError(f'mmdeeplab.CheckpointHook has no argument {", ".join(refused)}')
        self.writer = Writer(background=async_save)
        self.async_save = async_save
        self.failures: dict[str, str] = {}  # LAST or a score's name -> what went wrong last
        self.lost_record: dict[str, object] = {}  # what the message hub had before a lost save

    def before_run(self, runner: Runner) -> None:
        """Refuse MMEngine's own Runner, which saves and resumes in another way.

        Raises:
            UserError: It says what to write into the config.
        """
        training = isinstance(runner._train_loop, BaseLoop)  # built, not only configured
        if training and not hasattr(runner, 'training_state'):
            raise UserError(
                f'{type(runner).__name__} cannot train this config, whose runner_type is '
                'mmdeeplab.DeepLabRunner: write `RUNNERS.build(cfg).train()` with `from '
                f'mmengine.registry import RUNNERS`, or use {tool("train")}'
            )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Under MMEngine's own Runner, refuse classes in another order; ours compares them itself.

        Raises:
            UserError: It names the first classes that differ.
        """
        if not hasattr(runner, 'training_state'):
            classes, root = data_classes(runner)
            require_order(class_names(checkpoint), classes, runner._load_from, root)

    def before_train(self, runner: Runner) -> None:
        self.folder = checkpoint_folder(runner.work_dir, self.out_dir)
        self.out_dir = str(self.folder)
        self._follow(runner)
        listed_names = runner.message_hub.runtime_info.get(KEPT, [])
        # older files hold numbers
        names = [k if isinstance(k, str) else self.filename_tmpl.format(k) for k in listed_names]
        self.kept_names = [name for name in names if self._is_own(runner, name)]
        self.intact_names = set(self.kept_names)
        self.saved_iter: int | None = None
        self.saved_name = ''
        if self.kept_names and self._summary(self.kept_names[-1]).get('iter') == runner.iter:
            # where the run goes on from
            self.saved_iter, self.saved_name = runner.iter, self.kept_names[-1]
        if not dist.is_main_process():
            return
        for path in {Path(runner.work_dir), self.folder}:
            if path.is_dir():
                for leftover in sweep(path):
                    runner.logger.info(f'removed {leftover}, left by a process that was killed')
        size = sum(t.numel() * t.element_size() for t in unwrap(runner.model).state_dict().values())
        probe(self.folder, size, runner.disk)
        if self.saved_iter is not None:  # a kill may have come between file, pointer and deletion
            self._point(runner, self.saved_name)
            self._prune(runner)

    def _follow(self, runner: Runner) -> None:
        """Take unit and interval from the training loop where the config does not give them.

        Logs a notice if an interval in the config was meant for another length or unit.
        """
        loop: Any = runner.train_loop
        interval, by_epoch, template = self.configured
        self.by_epoch = counts_epochs(loop) if by_epoch is None else by_epoch
        self.interval = loop.val_interval if interval is None else interval
        self.filename_tmpl = template or (EPOCH if self.by_epoch else ITER)
        unit, end = ('epoch', loop.max_epochs) if self.by_epoch else ('iteration', loop.max_iters)
        if interval is not None and interval > end:
            runner.logger.warning(
                f'default_hooks.checkpoint.interval={self.interval} counts {unit}s, and the run '
                f'ends at {unit} {end}: nothing is saved before; interval=None saves whenever is '
                'validated'
            )

    def _summary(self, name: str) -> dict:
        try:
            return read_summary(self.folder / name)
        except (OSError, Damaged):
            return {}

    def _is_own(self, runner: Runner, name: str) -> bool:
        """Whether a file exists and belongs to this run, not to another in the same folder."""
        return bool(self._summary(name).get('started') == runner.started)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._save(runner, self.filename_tmpl.format(step), meta)

    def save_now(self, runner: Runner, meta: dict) -> None:
        """Save a checkpoint now, after any iteration.

        Args:
            runner: The runner whose state is saved.
            meta: The numbers ``iter`` and ``epoch`` of completed iterations and epochs.
        """
        template = ITER if self.by_epoch else self.filename_tmpl
        self._save(runner, template.format(meta['iter']), meta)

    def _save(self, runner: Runner, name: str, meta: dict) -> None:
        self.finish(runner)
        self.saved_iter, self.saved_name = meta['iter'], name
        if name not in self.kept_names:
            self.kept_names.append(name)
        # lists files that are about to be deleted, too: a resumed run deletes them if this cannot
        runner.message_hub.update_info(KEPT, list(self.kept_names))
        self.last_ckpt = str(self.folder / name)
        runner.message_hub.update_info('last_ckpt', name)
        state = self._state(runner, meta, self.save_optimizer, self.save_param_scheduler)
        if state is None:
            return

        def save() -> None:
            try:
                runner.write_state(self.folder / name, state)
            except OSError:
                if name not in self.intact_names:
                    self.kept_names.remove(name)
                raise
            self.intact_names.add(name)
            try:
                self._point(runner, name)
            finally:
                self._prune(runner)

        self._start(runner, LAST, name, save)

    def _state(
        self, runner: Runner, meta: dict, optimizer: bool = True, schedulers: bool = True
    ) -> dict | None:
        """The state to save; None on ranks that do not save."""
        if not dist.is_main_process():
            return None
        self.finish(runner)
        state: dict = runner.training_state(meta, optimizer, schedulers)
        return cast(dict, snapshot(state)) if self.async_save else state

    def _start(self, runner: Runner, key: str, name: str, save: Callable[[], None]) -> None:
        """Save the file ``name``, maybe in the background; failures are kept under ``key``."""
        self.saving = key, name
        error = self.writer.run(save)
        if not self.writer.busy:
            self._report(runner, error)

    def _report(self, runner: Runner, error: Exception | None) -> None:
        """Log the failure of the latest save; ``error`` is None if it worked."""
        key, name = self.saving
        if error is None:
            self.failures.pop(key, None)
            return
        if not isinstance(error, OSError):
            raise error
        for info_key, value in self.lost_record.items():
            if value is None:
                runner.message_hub.pop_info(info_key)
            else:
                runner.message_hub.update_info(info_key, value)
        self.lost_record = {}
        text = str(error) if isinstance(error, NotSaved) else f'{self.folder}: {error}'
        self.failures[key] = text
        newest = self._newest_good()
        if newest == name and isinstance(error, NotSaved) and f'{name} is not saved' in text:
            outcome = f'{name} stays as it was saved before its validation'
        else:
            outcome = f'the newest good checkpoint is {newest}' if newest else 'none was saved yet'
        runner.logger.error(f'{text}; training goes on, the next save tries again; {outcome}')

    def _newest_good(self) -> str | None:
        names = (name for name in reversed(self.kept_names) if name in self.intact_names)
        return next((name for name in names if (self.folder / name).is_file()), None)

    def _point(self, runner: Runner, name: str) -> None:
        folder = Path(runner.work_dir)
        relative = os.path.relpath(self.folder / name, folder)
        with replacing(folder / POINTER, runner.disk) as file:
            runner.disk.write(file, relative.encode())

    def _prune(self, runner: Runner) -> None:
        """Delete all checkpoints of this run but the newest ``max_keep_ckpts``."""
        while len(self.kept_names) > self.max_keep_ckpts > 0:
            runner.disk.remove(self.folder / self.kept_names[0])
            self.kept_names.pop(0)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        if not isinstance(runner._train_loop, BaseLoop):
            return  # validation alone
        runner.message_hub.update_info(VALIDATED, runner.iter)
        super().after_val_epoch(runner, metrics or {})
        if self.saved_iter == runner.iter:  # write the scores into the file of this iteration
            self._save(runner, self.saved_name, dict(epoch=runner.epoch, iter=runner.iter))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best:
            return
        self.choose_score(metrics)
        self.finish(runner)  # the best score may be of a file that was lost
        for key, rule in zip(self.key_indicators, self.rules, strict=True):
            suffix = '' if len(self.key_indicators) == 1 else f'_{key}'
            best = self.init_value_map[rule]
            if runner.message_hub.get_info(f'best_by{suffix}') == [key, rule]:  # of the same score
                best = runner.message_hub.get_info(f'best_score{suffix}')
            if metrics[key] is not None and self.is_better_than[key](metrics[key], best):
                record = dict(best_by=[key, rule], best_score=metrics[key])
                self._save_best(runner, key, suffix, record)
            self._prune_best(runner, key, suffix)

    def choose_score(self, scores: Mapping[str, object]) -> None:
        """Let ``save_best='auto'`` take the first score of an evaluation.

        Raises:
            UserError: There is none, or it is not known whether more of it is better.
        """
        if not self.save_best or 'auto' not in self.key_indicators:
            return
        if not scores:
            raise UserError(
                "default_hooks.checkpoint.save_best='auto' takes the first score of the "
                'evaluation, which gives none: save_best=None keeps no best checkpoint'
            )
        with building(f'default_hooks.checkpoint, whose save_best is {next(iter(scores))},'):
            self._init_rule(self.rules, [next(iter(scores))])

    def _save_best(self, runner: Runner, key: str, suffix: str, record: dict) -> None:
        """Save the best checkpoint by one score; if that fails, the previous one stays the best.

        It holds the whole state, so that a run can resume from it as well.
        """
        hub = runner.message_hub
        self.finish(runner)
        step = runner.epoch if self.by_epoch else runner.iter
        name = f'best_{key}_{self.filename_tmpl.format(step)}'.replace('/', '_')
        record = {f'{info_key}{suffix}': v for info_key, v in dict(record, best_ckpt=name).items()}
        previous = {info_key: hub.get_info(info_key) for info_key in record}
        hub.update_info_dict(record)
        old_name = previous[f'best_ckpt{suffix}']
        runner.logger.info(f'the best {key} so far, {record["best_score" + suffix]:.4f}: {name}')
        state = self._state(runner, dict(epoch=runner.epoch, iter=runner.iter))
        if state is None:
            return

        def save() -> None:
            try:
                runner.write_state(self.folder / name, state)
            except OSError:
                self.lost_record = previous  # put back in the thread that trains
                raise
            if old_name and old_name != name and self._is_own(runner, old_name):
                runner.disk.remove(self.folder / old_name)

        self._start(runner, key, name, save)

    def _prune_best(self, runner: Runner, key: str, suffix: str) -> None:
        """Delete best checkpoints of iterations that this run has repeated with another result.

        Such files remain from before a run was resumed with other settings.
        """
        if not dist.is_main_process():
            return
        best = runner.message_hub.get_info(f'best_ckpt{suffix}')
        prefix = f'best_{key}_'.replace('/', '_')
        pattern = re.compile(
            re.escape(prefix) + re.escape(self.filename_tmpl).replace(r'\{\}', r'\d+')
        )
        for path in [p for p in self.folder.glob('best_*') if pattern.fullmatch(p.name)]:
            if path.name != best and self._is_own(runner, path.name):
                self.finish(runner)
                with suppress(OSError):
                    if self._summary(path.name)['iter'] <= runner.iter:
                        runner.disk.remove(path)

    def after_train(self, runner: Runner) -> None:
        if runner.train_loop.stop_training and self.save_last and self.saved_iter != runner.iter:
            # stopped early: record that it ended, and where
            self.save_now(runner, dict(epoch=runner.epoch, iter=runner.iter))
        self.finish(runner)
        lost = {key: text for key, text in self.failures.items() if key != LAST}
        if LAST in self.failures:
            is_saved = runner.iter == self.saved_iter and self.saved_name in self.intact_names
            outcome = f'{self.saved_name} is there' if is_saved else 'its end is lost'
            raise UserError(f'the run is complete, but {self.failures[LAST]}; {outcome}')
        if lost:
            raise UserError(
                f'the run is complete and saved, but its best checkpoint by {", ".join(lost)} is '
                f'lost: {"; ".join(lost.values())}'
            )

    def finish(self, runner: Runner) -> None:
        """Wait for a save in the background and report its result."""
        if self.writer.busy:
            self._report(runner, self.writer.wait())
