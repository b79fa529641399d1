"""Check the data before a run: on the first rank, with one sentence for all ranks."""

import shlex
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mmengine import dist
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.class_order import dataset_classes
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.command_names import tool
from mmdeeplab.config.changes import replaced
from mmdeeplab.config.class_weight import auto_methods
from mmdeeplab.config.data import SPLITS
from mmdeeplab.datasets.check.report import Report, allowed_kinds, examine
from mmdeeplab.datasets.check.sources import sources
from mmdeeplab.datasets.check.text import sentence, summary
from mmdeeplab.engine.distributed.ranks import join_ranks, on_first_rank
from mmdeeplab.errors import UserError
from mmdeeplab.registry import HOOKS, is_ours


class CheckedData(NamedTuple):
    """The result of the check of training data.

    Attributes:
        notice: A sentence for the user.
        weights: Class weights for the losses of the config, one number for each class, by the
            method of :data:`mmdeeplab.config.class_weight.METHODS`.
    """

    notice: str
    weights: dict[str, list[float]]


def check_training_data(cfg: Config, options: Sequence[str] = ()) -> CheckedData:
    """Check the data that a training reads, and count its classes for ``class_weight='auto'``.

    Args:
        cfg: The config. Its ``check_data=False`` skips the check; ``check_data.allow`` names kinds
            of error that are let pass.
        options: ``--cfg-options`` of the command; a message repeats them in the command that lists
            all problems.

    Raises:
        UserError: The data has an error; the same sentence on every rank.
    """
    join_ranks(cfg.get('launcher', 'none'), cfg.get('env_cfg', {}))
    methods = auto_methods(cfg)
    checked = cfg.get('check_data', True) is not False
    if not checked and not methods:
        return CheckedData('data: not checked', {})
    splits = ('train', 'val') if checked else ('train',)

    def act(beat: Callable[[], None]) -> dict:
        report, notice = _examine(cfg, splits, options, beat, checked)
        counts = report.counts.get('train')
        if methods and counts is None:
            raise UserError("class_weight='auto' needs a training split that can be read")
        weights = {m: counts.weights(m) for m in set(methods.values())} if counts else {}
        return dict(notice=notice, weights=weights)

    outcome = on_first_rank(act)
    return CheckedData(str(outcome['notice']), outcome['weights'])


def with_data_check(cfg: Config) -> Config:
    """``cfg`` with the hook that checks the data, even if ``custom_hooks`` replaced our hooks."""
    hooks = list(cfg.get('custom_hooks') or [])
    name = DataCheckHook.__name__
    if any(is_ours(hook.get('type'), name) for hook in hooks if isinstance(hook, dict)):
        return cfg
    return replaced(cfg, 'custom_hooks', [dict(type=f'mmdeeplab.{name}'), *hooks])


def require_sound(cfg: Config, splits: tuple[str, ...]) -> str:
    """Check the data of some splits.

    Raises:
        UserError: The data has an error; the same sentence on every rank.
    """
    if cfg.get('check_data', True) is False:
        return 'data: not checked'
    return str(on_first_rank(lambda beat: _examine(cfg, splits, (), beat, True)[1]))


def _examine(
    cfg: Config,
    splits: tuple[str, ...],
    options: Sequence[str],
    beat: Callable[[], None],
    strict: bool,
) -> tuple[Report, str]:
    start = time.perf_counter()
    report = examine(cfg, splits, allow=allowed_kinds(cfg), beat=beat)
    command = listing_command(cfg, options)
    if strict and report.errors:
        raise UserError(sentence(report, command))
    notice = f'data: {summary(report)}, checked in {time.perf_counter() - start:.1f} s'
    return report, notice + (f'; {command} lists them' if report.problems else '')


def listing_command(cfg: Config, options: Sequence[str] = ()) -> str:
    """The command that lists all problems of the data of ``cfg``."""
    words = [*tool('check_dataset').split(), cfg.filename or 'CONFIG']
    roots = {str(source.root) for source in sources(cfg, SPLITS)[0]}
    if len(roots) == 1:
        words += ['--data-root', *roots]
    keys = ('.dataset.', 'check_data')
    about_data = [o for o in options if any(k in o for k in keys) and '.pipeline.' not in o]
    if about_data:
        words += ['--cfg-options', *about_data]
    return shlex.join(words)


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Check the data before the first step (:mod:`mmdeeplab.datasets.check`).

    Files that ``tools/train.py`` has checked are not read again. A data set whose number of classes
    is not the network's is refused.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        loops = [runner.train_loop, runner.val_loop]
        data = [loop.dataloader.dataset for loop in loops if loop is not None]
        self._check(runner, data, 'train', 'val')

    def before_val(self, runner: Runner) -> None:
        if runner._train_loop is None:  # validation alone; in training both were checked
            self._check(runner, [runner.val_loop.dataloader.dataset], 'val')

    def before_test(self, runner: Runner) -> None:
        self._check(runner, [runner.test_loop.dataloader.dataset], 'test')

    def _check(self, runner: Runner, datasets: list[BaseDataset], *splits: str) -> None:
        num_classes = getattr(unwrap(runner.model), 'num_classes', 0)
        for dataset in datasets:
            check_classes(dataset, num_classes)
        notice = require_sound(runner.cfg, splits)
        if dist.is_main_process() and 'train' not in splits:
            runner.logger.info(notice)


def check_classes(dataset: BaseDataset, num_classes: int) -> None:
    """Refuse a data set whose number of classes is not the network's; 0 stands for unknown."""
    class_count = len(dataset_classes(dataset) or ())
    if class_count and num_classes and class_count != num_classes:
        raise UserError(
            f'model.decode_head.num_classes is {num_classes}, but {root_of(dataset)} has '
            f"{class_count} classes (its classes.txt, or VOC's 21 without one): "
            f'--cfg-options model.decode_head.num_classes={class_count}'
        )


def root_of(dataset: BaseDataset) -> str:
    """The data root of a data set, or of the first data set inside a wrapper."""
    while not getattr(dataset, 'data_root', None):
        inner = getattr(dataset, 'dataset', None) or next(iter(getattr(dataset, 'datasets', [])), 0)
        if not inner:
            return f'the data ({type(dataset).__name__})'
        dataset = inner
    return str(dataset.data_root)
