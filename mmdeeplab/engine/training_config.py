"""The options of a training, and how they change its config before anything is built."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, ApexOptimWrapper, OptimWrapper

from mmdeeplab.config.changes import ConfigChange, replaced, with_settings, with_work_dir
from mmdeeplab.config.registered import find_class
from mmdeeplab.engine.hooks.data_check import with_data_check
from mmdeeplab.engine.optim.amp import AutocastOptimWrapper
from mmdeeplab.errors import UserError

PREFLIGHT = dict(type='mmdeeplab.PreflightHook')


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training, besides those of every config.

    Attributes:
        name: Name of the config, which is also the default name of the work dir.
        work_dir: Folder of logs and checkpoints.
        amp: Whether to train in mixed precision.
        check: Whether to check the data first.
        preflight: Whether to try one batch of everything first.
    """

    name: str
    work_dir: str | None = None
    amp: bool = False
    check: bool = True
    preflight: bool = True

    def changes(self) -> list[ConfigChange]:
        """The changes that the options make to a config, in order."""
        settings: dict[str, object] = {}
        if not self.check:
            settings['check_data'] = False
        return [
            partial(with_work_dir, work_dir=self.work_dir, name=self.name),
            partial(with_settings, values=settings),
            *([with_amp] if self.amp else []),
            partial(with_preflight, preflight=self.preflight),
            with_data_check,
        ]


def with_amp(cfg: Config) -> Config:
    """``cfg`` in mixed precision; unchanged if it asks for that already.

    Raises:
        UserError: The optimiser's wrapper is another one, which cannot be replaced.
    """
    name = cfg.optim_wrapper.get('type', 'OptimWrapper')
    wrapper: Any = find_class(name, ('optim_wrapper',), cfg.optim_wrapper.get('_scope_'))
    if issubclass(wrapper, (AutocastOptimWrapper, AmpOptimWrapper, ApexOptimWrapper)):
        return cfg
    if wrapper is not OptimWrapper:
        raise UserError(
            f'--amp would replace optim_wrapper.type={name}: leave --amp out, and let that class '
            'choose the precision'
        )
    return with_settings(cfg, {'optim_wrapper.type': 'mmdeeplab.AutocastOptimWrapper'})


def with_preflight(cfg: Config, preflight: bool = True) -> Config:
    """``cfg`` with the preflight as its last hook, or without it; a dumped config may have one."""
    hooks = [hook for hook in cfg.get('custom_hooks') or [] if hook != PREFLIGHT]
    return replaced(cfg, 'custom_hooks', [*hooks, PREFLIGHT] if preflight else hooks)


def with_resume(cfg: Config, checkpoint: str | None) -> Config:
    """``cfg`` resuming from a checkpoint; unchanged if there is none."""
    if checkpoint is None:
        return cfg
    return with_settings(cfg, dict(resume=True, load_from=checkpoint))
