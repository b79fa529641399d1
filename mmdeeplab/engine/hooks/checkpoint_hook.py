"""Save checkpoints safely: a crash loses only what was trained since the last one."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from mmengine import dist
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import BaseLoop, Runner

from mmdeeplab.checkpoint.async_writer import Writer
from mmdeeplab.checkpoint.class_order import data_classes, require_order
from mmdeeplab.checkpoint.find import checkpoint_folder
from mmdeeplab.checkpoint.fine_tune import class_names
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.checkpoint.run_files import RunFiles
from mmdeeplab.checkpoint.store import snapshot
from mmdeeplab.command_names import tool
from mmdeeplab.engine.build_errors import building
from mmdeeplab.engine.hooks.resumed_validation import VALIDATED
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.engine.training_state import training_state, write_state
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import NotSaved, probe, sweep
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
    files: RunFiles

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
        if filename_tmpl and not filename_tmpl.endswith('.safetensors'):
            raise ValueError(f'filename_tmpl must end in .safetensors, got {filename_tmpl!r}')
        if self.published_keys or self.args:
            refused = ['published_keys'] * bool(self.published_keys) + sorted(self.args)
            raise ValueError(f'mmdeeplab.CheckpointHook has no argument {", ".join(refused)}')
        self.writer = Writer(background=async_save)
        self.failures: dict[str, str] = {}  # LAST or a score's name -> what went wrong last
        self.saved_iter: int | None = None  # where the latest numbered checkpoint was saved

    def before_run(self, runner: Runner) -> None:
        """Refuse MMEngine's own Runner, which saves and resumes in another way.

        Raises:
            UserError: It says what to write into the config.
        """
        training = isinstance(runner._train_loop, BaseLoop)  # built, not only configured
        if training and not hasattr(runner, 'disk'):
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
        if not hasattr(runner, 'disk'):
            classes, root = data_classes(runner)
            require_order(class_names(checkpoint), classes, runner._load_from, root)

    def before_train(self, runner: Runner) -> None:
        self._follow(runner)
        listed_names = runner.message_hub.runtime_info.get(KEPT, [])
        # older files hold numbers
        names = [k if isinstance(k, str) else self.filename_tmpl.format(k) for k in listed_names]
        work_dir, folder = Path(runner.work_dir), checkpoint_folder(runner.work_dir, self.out_dir)
        self.files = RunFiles(
            work_dir, folder, started=runner.started, disk=runner.disk, names=names
        )
        newest = self.files.newest()
        if newest and self.files.iteration(newest) == runner.iter:  # where the run goes on from
            self.saved_iter, self.saved_name = runner.iter, newest
        if not dist.is_main_process():
            return
        for path in {work_dir, folder}:
            if path.is_dir():
                for leftover in sweep(path, starts=True):
                    runner.logger.info(f'removed {leftover}, left by a process that was killed')
        size = sum(t.numel() * t.element_size() for t in unwrap(runner.model).state_dict().values())
        probe(folder, size, runner.disk)
        if self.saved_iter is not None:  # a kill may have come between file, pointer and deletion
            self.files.add(self.saved_name, self.max_keep_ckpts)

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
        self.writer.finish()
        self.saved_iter, self.saved_name = meta['iter'], name
        # lists files that are about to be deleted, too: a resumed run deletes them if this cannot
        runner.message_hub.update_info(KEPT, list(dict.fromkeys([*self.files.numbered, name])))
        runner.message_hub.update_info('last_ckpt', name)
        if not dist.is_main_process():
            return
        state = self._state(runner, meta, self.save_optimizer, self.save_param_scheduler)

        def save() -> None:
            write_state(runner, self.files.folder / name, state)
            self.files.add(name, self.max_keep_ckpts)

        self.writer.run(save, partial(self._report, runner, LAST, name))

    def _state(
        self, runner: Runner, meta: dict, optimizer: bool = True, schedulers: bool = True
    ) -> dict:
        """The state to save, which training does not change meanwhile."""
        state = training_state(runner, meta, optimizer, schedulers)
        return cast(dict, snapshot(state)) if self.writer.background else state

    def _report(self, runner: Runner, key: str, name: str, error: Exception | None) -> None:
        """Log that the file ``name`` could not be saved, and keep the failure under ``key``."""
        if error is None:
            self.failures.pop(key, None)
            return
        if not isinstance(error, OSError):
            raise error
        text = str(error) if isinstance(error, NotSaved) else f'{self.files.folder}: {error}'
        self.failures[key] = text
        newest = self.files.newest()
        if newest == name and isinstance(error, NotSaved) and f'{name} is not saved' in text:
            outcome = f'{name} stays as it was saved before its validation'
        else:
            outcome = f'the newest good checkpoint is {newest}' if newest else 'none was saved yet'
        runner.logger.error(f'{text}; training goes on, the next save tries again; {outcome}')

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
        hub = runner.message_hub
        for key, rule in zip(self.key_indicators, self.rules, strict=True):
            self.writer.finish()  # the best score may be of a file that is lost
            suffix = '' if len(self.key_indicators) == 1 else f'_{key}'
            template = f'best_{key}_{self.filename_tmpl}'.replace('/', '_')
            old_name = hub.get_info(f'best_ckpt{suffix}')
            tidy = partial(self.files.keep_best, template, runner.iter, old_name)
            best = self.init_value_map[rule]
            if hub.get_info(f'best_by{suffix}') == [key, rule]:  # of the same score
                best = hub.get_info(f'best_score{suffix}')
            if metrics[key] is not None and self.is_better_than[key](metrics[key], best):
                name = template.format(runner.epoch if self.by_epoch else runner.iter)
                record = dict(best_by=[key, rule], best_score=metrics[key], best_ckpt=name)
                record = {f'{info_key}{suffix}': value for info_key, value in record.items()}
                runner.logger.info(f'the best {key} so far, {metrics[key]:.4f}: {name}')
                self._save_best(runner, key, name, record, tidy)
            elif dist.is_main_process():
                tidy(old_name)

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

    def _save_best(
        self, runner: Runner, key: str, name: str, record: dict, tidy: Callable[[str], None]
    ) -> None:
        """Save the best checkpoint by one score; if that fails, the previous one stays the best.

        It holds the whole state, so that a run can resume from it as well.
        """
        hub = runner.message_hub
        previous = {info_key: hub.get_info(info_key) for info_key in record}
        hub.update_info_dict(record)
        if not dist.is_main_process():
            return
        state = self._state(runner, dict(epoch=runner.epoch, iter=runner.iter))

        def save() -> None:
            write_state(runner, self.files.folder / name, state)
            tidy(name)

        def report(error: Exception | None) -> None:
            for info_key, value in previous.items() if error else ():
                hub.pop_info(info_key)
                if value is not None:
                    hub.update_info(info_key, value)
            self._report(runner, key, name, error)

        self.writer.run(save, report)

    def after_train(self, runner: Runner) -> None:
        if runner.train_loop.stop_training and self.save_last and self.saved_iter != runner.iter:
            # stopped early: record that it ended, and where
            self.save_now(runner, dict(epoch=runner.epoch, iter=runner.iter))
        self.writer.finish()
        lost = {key: text for key, text in self.failures.items() if key != LAST}
        if LAST in self.failures:
            is_saved = runner.iter == self.saved_iter and self.saved_name in self.files.numbered
            outcome = f'{self.saved_name} is there' if is_saved else 'its end is lost'
            raise UserError(f'the run is complete, but {self.failures[LAST]}; {outcome}')
        if lost:
            raise UserError(
                f'the run is complete and saved, but its best checkpoint by {", ".join(lost)} is '
                f'lost: {"; ".join(lost.values())}'
            )
