"""The table of our hooks: who installs each, when it runs, and what it is for."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mmengine.config import Config
from mmengine.hooks import Hook

from mmdeeplab.engine.hooks.accelerate import FastHook
from mmdeeplab.engine.hooks.checkpoint_hook import CheckpointHook
from mmdeeplab.engine.hooks.data_check import DataCheckHook
from mmdeeplab.engine.hooks.data_time import DataTimeHook
from mmdeeplab.engine.hooks.degenerate_rates import DegenerateRateHook
from mmdeeplab.engine.hooks.early_stopping import EarlyStopping, early_stopping
from mmdeeplab.engine.hooks.heartbeat import HeartbeatHook
from mmdeeplab.engine.hooks.masks import MaskHook
from mmdeeplab.engine.hooks.non_finite import FiniteCheckpointHook, NonFiniteHook
from mmdeeplab.engine.hooks.pictures import PictureHook
from mmdeeplab.engine.hooks.plain_history import PlainHistoryHook
from mmdeeplab.engine.hooks.preemption import PreemptionHook
from mmdeeplab.engine.hooks.preflight import PreflightHook
from mmdeeplab.engine.hooks.progress import ProgressHook
from mmdeeplab.engine.hooks.recipe import RecipeHook
from mmdeeplab.engine.hooks.resumed_validation import ResumedValidationHook
from mmdeeplab.engine.hooks.shared_buffers import SharedBuffersHook
from mmdeeplab.engine.hooks.step_seed import StepSeedHook
from mmdeeplab.engine.lost_worker import LoaderDeathHook
from mmdeeplab.engine.teachers.distillation import DistillationHook
from mmdeeplab.engine.teachers.mean_teacher import MeanTeacherHook
from mmdeeplab.models.norms.bn_policy import BatchNormRecordHook

RUNNER = 'every run'  # by DeepLabRunner, in the order of the table
CONFIG = 'configs/_base_/runtime.py'
TRAIN, TEST = 'mmdeeplab train', 'mmdeeplab test'
USER = 'docs/few_labels.md'


class Row(NamedTuple):
    """One of our hooks.

    Attributes:
        hook: Its class; ``hook.priority`` is its place among the hooks of a run.
        installed: Who installs it: :data:`RUNNER`, or the config file or the command that puts it
            into ``custom_hooks`` or ``default_hooks``, or the page by which users do.
        why: What it is for, in one line.
        build: Makes it from the config of a run, or gives None if the config does not ask for it;
            used only if the runner installs it.
    """

    hook: type[Hook]
    installed: str
    why: str
    build: Callable[[Config], Hook | None] | None = None


def _early_stopping(cfg: Config) -> Hook | None:
    return early_stopping(cfg.early_stopping) if cfg.get('early_stopping') else None


def _non_finite(cfg: Config) -> Hook:
    return NonFiniteHook(**cfg.get('non_finite', {}))


# Among hooks of one priority the order here is that of the calls.
TABLE = (
    Row(StepSeedHook, RUNNER, 'a step draws the same after a resume'),
    Row(SharedBuffersHook, RUNNER, 'all ranks validate with the statistics that are saved'),
    Row(HeartbeatHook, RUNNER, 'a rank that froze is named and ended'),
    Row(ResumedValidationHook, RUNNER, 'a validation that an interrupted run owes is made'),
    Row(PlainHistoryHook, RUNNER, 'logged values in checkpoints are plain data, and few'),
    Row(PreemptionHook, RUNNER, 'on SIGTERM, SIGINT or SIGUSR1 a run saves and leaves'),
    Row(LoaderDeathHook, RUNNER, 'a dead data loading process is noticed between steps'),
    Row(BatchNormRecordHook, RUNNER, 'a checkpoint tells what became of its BatchNorm'),
    Row(EarlyStopping, RUNNER, 'ends a run as early_stopping of its config says', _early_stopping),
    Row(NonFiniteHook, RUNNER, 'reports steps skipped for NaN, refuses NaN in logits', _non_finite),
    Row(FiniteCheckpointHook, RUNNER, 'no checkpoint holds NaN'),
    Row(CheckpointHook, CONFIG, 'saves, keeps the newest and the best, in the background'),
    Row(DataCheckHook, CONFIG, 'the data is checked before the first step'),
    Row(DegenerateRateHook, CONFIG, 'warns of atrous rates that reach beyond their map'),
    Row(DataTimeHook, CONFIG, 'logs the time spent waiting for data, and warns'),
    Row(RecipeHook, CONFIG, 'prints the recipe of the run beside the published one'),
    Row(ProgressHook, CONFIG, 'progress bars on a terminal, lines in a log'),
    Row(PreflightHook, TRAIN, 'one batch of everything before the first step'),
    Row(FastHook, f'{TEST} --fast', 'the network is replaced by its accelerated one'),
    Row(PictureHook, f'{TEST} --out', 'pictures of a few images'),
    Row(MaskHook, f'{TEST} --save-masks', 'every predicted mask as a PNG'),
    Row(MeanTeacherHook, USER, 'an average of the network labels the images without masks'),
    Row(DistillationHook, USER, 'a trained network teaches a smaller one'),
)


def own_hooks(cfg: Config) -> Iterator[Hook]:
    """The hooks that the runner installs in every run.

    Args:
        cfg: The config of the run, of which ``early_stopping`` and ``non_finite`` are read.

    Raises:
        UserError: ``early_stopping`` has an unknown option or an impossible value.
        ValueError: ``non_finite`` has an impossible value.
    """
    for row in TABLE:
        if row.installed == RUNNER:
            built = row.build(cfg) if row.build else row.hook()
            if built is not None:
                yield built
