"""The config of a training: what its options change before anything is built."""

from dataclasses import dataclass
from functools import partial

from mmengine.config import Config

from mmdeeplab.config.transforms import Transform, replaced, with_settings, with_work_dir
from mmdeeplab.engine.hooks.data_check import with_data_check

PREFLIGHT = dict(type='mmdeeplab.PreflightHook')


@dataclass(frozen=True)
class TrainingOptions:
    """What a person may ask of a training besides the options of every config.

    Attributes:
        name: Of the config; the work dir is called so where nobody names one.
        work_dir: The place of logs and checkpoints.
        amp: Mixed precision.
        check: Look at the data first.
        preflight: Try one batch of everything first.
    """

    name: str
    work_dir: str | None = None
    amp: bool = False
    check: bool = True
    preflight: bool = True

    def transforms(self) -> list[Transform]:
        """What the options do to a config, in this order."""
        settings: dict[str, object] = {}
        if self.amp:
            settings['optim_wrapper.type'] = 'mmdeeplab.AutocastOptimWrapper'
        if not self.check:
            settings['check_data'] = False
        return [
            partial(with_work_dir, work_dir=self.work_dir, name=self.name),
            partial(with_settings, values=settings),
            partial(with_preflight, preflight=self.preflight),
            with_data_check,
        ]


def with_preflight(cfg: Config, preflight: bool = True) -> Config:
    """``cfg`` with the preflight as its last hook, or without; a dumped config has it already."""
    hooks = [hook for hook in cfg.get('custom_hooks') or [] if hook != PREFLIGHT]
    return replaced(cfg, 'custom_hooks', [*hooks, PREFLIGHT] if preflight else hooks)


def with_resume(cfg: Config, checkpoint: str | None) -> Config:
    """``cfg`` going on from a checkpoint; as it is without one."""
    if checkpoint is None:
        return cfg
    return with_settings(cfg, dict(resume=True, load_from=checkpoint))
