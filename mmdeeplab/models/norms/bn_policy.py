"""How BatchNorm trains: as it is, synchronised, frozen, or replaced by group norm.

The config key ``bn_policy`` chooses. :class:`~mmdeeplab.engine.runner.DeepLabRunner` applies it
before training begins, and logs in one line what it did and why.
"""

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmengine.runner import Runner
from torch import nn

from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.checkpoint.pretrained import loads_weights
from mmdeeplab.errors import UserError
from mmdeeplab.models.norms.norm_layers import (
    frozen,
    grouped,
    norm_layers,
    replace,
    trained_layers,
)

POLICIES = ('auto', 'train', 'sync', 'frozen', 'group', None)
# Least number of images that a batch statistic is computed from. DeepLabv3 lost 13 points of mIoU
# at 4 images instead of 16, and 1.5 at 8.
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
    """The decision about BatchNorm: ``mode``, a key of ``SAID``, and the reason in words."""

    mode: str
    reason: str

    def __str__(self) -> str:
        return f'BatchNorm: {SAID[self.mode]} ({self.reason})'


class Setting(NamedTuple):
    """What the decision about BatchNorm depends on.

    Attributes:
        images: Batch size of one process.
        processes: Number of processes.
        gpu: Whether they run on GPUs, which synchronisation needs.
        pretrained: Whether the 'whole' of the network's BatchNorm, a 'part' of it, or 'none' starts
            from pre-trained statistics.
        before: The mode of the run that is resumed; empty for a new run.
    """

    images: int
    processes: int = 1
    gpu: bool = False
    pretrained: str = 'none'
    before: str = ''


def decide(policy: str | None, setting: Setting) -> Plan:
    """Choose how a network's BatchNorm trains.

    Args:
        policy: One of ``POLICIES``, the config's ``bn_policy``.
        setting: What ``'auto'`` decides by.

    Raises:
        UserError: The policy is unknown, or it asks for synchronisation without GPUs.
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
    return Plan('frozen' if setting.pretrained == 'whole' else 'mixed', reason)


def pretrained_layers(model: nn.Module) -> set[str]:
    """Names of the BatchNorm layers in modules whose ``init_cfg`` loads weights."""
    return {
        f'{name}.{inner}'.lstrip('.')
        for name, module in model.named_modules()
        if isinstance(module, BaseModule) and loads_weights(module.init_cfg)
        for inner in norm_layers(module)
    }


def carry_out(model: nn.Module, mode: str, names: set[str], pretrained: set[str]) -> None:
    """Freeze the named layers or replace them by group norm, as ``mode`` says.

    ``pretrained`` names those that start from pre-trained statistics. Under 'sync' nothing is done
    here: MMEngine's runner converts the layers.
    """
    grouping = dict(group=names, mixed=names - pretrained).get(mode, set())
    freezing = dict(frozen=names, mixed=names & pretrained).get(mode, set())
    replace(model, grouping, grouped)
    replace(model, freezing, frozen)


def apply_policy(model: nn.Module, cfg: Config, processes: int, gpu: bool) -> Plan | None:
    """Apply the config's ``bn_policy`` to a model, in place.

    'auto', the default, leaves BatchNorm as the model's config has it if each statistic comes from
    at least four images (over all GPUs, which are then synchronised). With fewer images, layers
    with pre-trained statistics are frozen, and the others become group norm. Layers that the
    model's config freezes stay as they are.

    Args:
        model: The network.
        cfg: The config of the run; ``bn_policy``, ``load_from`` and the batch size are read.
        processes: Number of processes that train.
        gpu: Whether they run on GPUs.

    Returns:
        What was decided; None if ``bn_policy`` is None.
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
    """What a model starts from, by its config: ``load_from`` or its parts' ``init_cfg``.

    Returns:
        Names of the BatchNorm layers with pre-trained statistics, and the mode of the run that is
        resumed, empty if none is.
    """
    path = cfg.get('load_from')
    if not path or not Path(path).is_file():
        return pretrained_layers(model), ''
    checkpoint = read_checkpoint(path)
    state = checkpoint['state_dict']
    pretrained = {name for name in norm_layers(model) if f'{name}.running_mean' in state}
    mode = (checkpoint.get('meta') or {}).get(RECORD, '') if cfg.get('resume') else ''
    return pretrained, mode


class BatchNormRecordHook(Hook):
    """Store the mode of BatchNorm in checkpoints, so that a resumed run keeps it."""

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if getattr(runner, 'batch_norm', None):
            checkpoint.setdefault('meta', {})[RECORD] = runner.batch_norm.mode
