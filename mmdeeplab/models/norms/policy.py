"""BatchNorm that suits the batch: trained, synchronised, frozen, or replaced by group norm.

The config key ``bn_policy`` chooses; :class:`~mmdeeplab.engine.runner.DeepLabRunner` carries it out
before anything is trained and says in one line what it did and why.
"""

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmengine.runner import Runner
from torch import nn

from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.errors import UserError
from mmdeeplab.models.layers.conv import is_pretrained
from mmdeeplab.models.norms.norm_layers import (
    frozen,
    grouped,
    norm_layers,
    replace,
    trained_layers,
)

POLICIES = ('auto', 'train', 'sync', 'frozen', 'group', None)
# Images behind one statistic. DeepLabv3 lost 13 mIoU at 4 instead of 16, and 1.5 at 8.
ENOUGH = 4
RECORD = 'batch_norm'  # key in a checkpoint's meta
SAID = dict(
    none='none in this network',
    train='trained',
    sync='trained, synchronised over the GPUs',
    frozen='frozen',
    mixed='frozen in the pre-trained part, group norm elsewhere',
    group='replaced by group norm',
)


class Plan(NamedTuple):
    """What becomes of BatchNorm, a key of ``SAID``, and the reason in words."""

    mode: str
    reason: str

    def __str__(self) -> str:
        return f'BatchNorm: {SAID[self.mode]} ({self.reason})'


class Setting(NamedTuple):
    """What a decision depends on.

    Attributes:
        images: Images that one process sees at a time.
        processes: How many there are.
        gpu: Whether they run on GPUs, as synchronisation needs.
        pretrained: How much of it starts with statistics: 'whole', 'part' or 'none'.
        before: Mode of the run that is resumed; empty for a new one.
    """

    images: int
    processes: int = 1
    gpu: bool = False
    pretrained: str = 'none'
    before: str = ''


def decide(policy: str | None, setting: Setting) -> Plan:
    """Choose the mode for a network with BatchNorm to train.

    Raises:
        UserError: An unknown policy, or synchronisation without GPUs.
    """
    if policy not in POLICIES:
        raise UserError(f'bn_policy must be one of {", ".join(map(str, POLICIES))}, got {policy!r}')
    if policy == 'sync' and setting.processes > 1 and not setting.gpu:
        raise UserError("bn_policy='sync' needs GPUs; on CPUs choose 'auto' or 'train'")
    if policy == 'sync' and setting.processes == 1:
        return Plan('train', "bn_policy='sync': one process has nothing to synchronise with")
    if policy == 'frozen' and setting.pretrained == 'none' and not setting.before:
        why = "bn_policy='frozen', but nothing pre-trained is loaded: statistics stay 0 and 1"
        return Plan('frozen', why)
    if policy != 'auto':
        return Plan(str(policy), f'bn_policy={policy!r}')
    if setting.before:
        return Plan(setting.before, 'as in the run that is resumed')
    shared = setting.gpu and setting.processes > 1
    images = setting.images * (setting.processes if shared else 1)
    where = f'images on {setting.processes} GPUs' if shared else 'images a device'
    if images >= ENOUGH:
        return Plan('sync' if shared else 'train', f'{images} {where}')
    reason = f'{images} {where}, fewer than {ENOUGH}'
    if setting.pretrained == 'none':
        return Plan('group', f'{reason}, and no pre-trained statistics')
    return Plan('frozen' if setting.pretrained == 'whole' else 'mixed', f'{reason}')


def pretrained_layers(model: nn.Module) -> set[str]:
    """Names of the BatchNorm layers in modules whose ``init_cfg`` loads weights."""
    return {
        f'{name}.{inner}'.lstrip('.')
        for name, module in model.named_modules()
        if isinstance(module, BaseModule) and is_pretrained(module)
        for inner in norm_layers(module)
    }


def carry_out(model: nn.Module, mode: str, names: set[str], pretrained: set[str]) -> None:
    """Freeze or replace the named layers; synchronised ones are made by MMEngine's runner."""
    grouping = dict(group=names, mixed=names - pretrained).get(mode, set())
    freezing = dict(frozen=names, mixed=names & pretrained).get(mode, set())
    replace(model, grouping, grouped)
    replace(model, freezing, frozen)


def apply_policy(model: nn.Module, cfg: Config, processes: int, gpu: bool) -> Plan | None:
    """Let ``cfg.bn_policy`` ('auto' where it is missing) act on the model; None does nothing.

    'auto' trains BatchNorm as the model's config says where a statistic stands on at least four
    images, over all GPUs by SyncBN. Below, layers with pre-trained statistics are frozen and the
    others become group norm. What the model's config freezes is left to it.
    """
    policy = cfg.get('bn_policy', 'auto')
    if policy is None:
        return None
    names = set(trained_layers(model) if policy == 'auto' else norm_layers(model))
    if not names:
        mode = 'frozen' if norm_layers(model) else 'none'
        return Plan(mode, "the model's config")
    pretrained, before = history(model, cfg)
    extent = 'whole' if pretrained >= names else 'part' if pretrained & names else 'none'
    images = (cfg.get('train_dataloader') or {}).get('batch_size', 1)
    plan = decide(policy, Setting(images, processes, gpu, pretrained=extent, before=before))
    carry_out(model, plan.mode, names, pretrained)
    return plan


def history(model: nn.Module, cfg: Config) -> tuple[set[str], str]:
    """Names of the layers that start with statistics; the mode of the run that is resumed."""
    path = cfg.get('load_from')
    if not path or not Path(path).is_file():
        return pretrained_layers(model), ''
    checkpoint = read_checkpoint(path)
    state = checkpoint['state_dict']
    pretrained = {name for name in norm_layers(model) if f'{name}.running_mean' in state}
    mode = (checkpoint.get('meta') or {}).get(RECORD, '') if cfg.get('resume') else ''
    return pretrained, mode


class BatchNormRecordHook(Hook):
    """Note the mode in checkpoints, so that a resumed run keeps it."""

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if getattr(runner, 'batch_norm', None):
            checkpoint.setdefault('meta', {})[RECORD] = runner.batch_norm.mode
