"""Compare the settings of a run with those of the published result of its config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmengine import dist
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.config.data import pipeline_steps, type_name
from mmdeeplab.config.protocols import configured_protocol
from mmdeeplab.models.norms.bn_policy import Plan
from mmdeeplab.registry import HOOKS

UNKNOWN = '-'
# Key of `published` in a config -> name of the row. The order is that of the table.
ROWS = dict(
    batch='global batch',
    crop='crop',
    lr='learning rate',
    schedule='schedule',
    iters='iterations',
    output_stride='output stride',
    bn='BatchNorm',
    split='training split',
    images='training images',
    val_images='validation images',
    pretrained='pre-training',
    protocol='evaluation',
)


class Row(NamedTuple):
    """One setting: its value in this run and as published, None if it is not published."""

    name: str
    actual: object
    published: object

    @property
    def differs(self) -> bool:
        """Whether the values are known to differ; about a file of weights this is not known."""
        if self.published is None or str(self.actual) == UNKNOWN:
            return False
        if self.name == ROWS['pretrained']:
            return self.actual == 'none'
        return self.actual != self.published


@HOOKS.register_module()
class RecipeHook(Hook):
    """Before training, print the table of :func:`compare` and warn if settings differ."""

    priority = 'VERY_LOW'

    def before_train(self, runner: Runner) -> None:
        if not dist.is_main_process():
            return
        published = runner.cfg.get('published') or {}
        rows = compare(effective(runner), published)
        runner.logger.info(table(rows, published))
        if different := [row for row in rows if row.differs]:
            runner.logger.warning(warning(different, published))


def compare(actual: Mapping[str, object], published: Mapping[str, object]) -> list[Row]:
    """Compare the settings of a run with the published ones, which may be empty."""
    reference = published if published.get('mIoU') else {}
    return [Row(title, actual.get(key, UNKNOWN), reference.get(key)) for key, title in ROWS.items()]


def table(rows: list[Row], published: Mapping[str, object]) -> str:
    """The rows as an aligned table that marks differences; one line if nothing is published."""
    if not published.get('mIoU'):
        words = ', '.join(f'{row.name} {row.actual}' for row in rows if row.actual != UNKNOWN)
        return f'recipe (no published number): {words}'
    lines = [('', 'this run', f'published: {published["mIoU"]} mIoU', '')]
    for row in rows:
        published_value = UNKNOWN if row.published is None else row.published
        lines.append(
            (row.name, str(row.actual), str(published_value), '<- differs' if row.differs else '')
        )
    a, b, c = (max(len(line[i]) for line in lines) for i in range(3))
    text = (f'  {n:<{a}}  {h:<{b}}  {t:<{c}}  {m}'.rstrip() for n, h, t, m in lines)
    return '\n'.join(['recipe', *text])


def warning(different: list[Row], published: Mapping[str, object]) -> str:
    """The warning about settings that differ from the published ones, in one sentence."""
    names = ', '.join(row.name for row in different)
    return (
        f'this is not the recipe of the published {published["mIoU"]} mIoU '
        f'({published.get("source", "")}): {names}; expect another number'
    )


def effective(runner: Runner) -> dict[str, object]:
    """The settings, one for each of ``ROWS``, of a runner whose loops are built."""
    cfg = runner.cfg
    loader: Any = runner.train_dataloader
    accumulated = cfg.optim_wrapper.get('accumulative_counts', 1)
    plan = getattr(runner, 'batch_norm', None)
    validation = runner.val_loop.dataloader.dataset if runner.val_loop else ()
    return dict(
        batch=cfg.train_dataloader.get('batch_size', 1) * runner.world_size * accumulated,
        crop=crop(cfg),
        lr=learning_rate(runner),
        schedule=schedule(cfg),
        iters=runner.max_iters,
        output_stride=(cfg.model.get('backbone') or {}).get('output_stride', UNKNOWN),
        bn=batch_norm(plan),
        split=getattr(loader.dataset, 'split', UNKNOWN),
        images=len(loader.dataset),
        val_images=len(validation) or UNKNOWN,
        pretrained=pretraining(cfg),
        protocol=configured_protocol(cfg),
    )


def learning_rate(runner: Runner) -> object:
    """The learning rate of the config, or the optimiser's default, scaled by ``auto_scale_lr``."""
    optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
    if optimizer is None:  # several, in an OptimWrapperDict
        return UNKNOWN
    rate = optimizer.defaults.get('lr', UNKNOWN)
    scale = runner.cfg.get('auto_scale_lr') or {}
    if not scale.get('enable') or rate == UNKNOWN:
        return rate
    loader: Any = runner.train_dataloader
    batch = loader.batch_size or runner.cfg.train_dataloader.batch_size  # of a batch sampler
    factor = runner.world_size * batch / scale['base_batch_size']
    return float(f'{rate * factor:.6g}')


def crop(cfg: Config) -> object:
    """Side or (H, W) of the random crop in the first pipeline that has one."""
    for transform in pipeline_steps(cfg.train_dataloader.dataset):
        if size := transform.get('crop_size'):
            height, width = (size, size) if isinstance(size, int) else size
            return height if height == width else f'{height} x {width}'
    return UNKNOWN


def schedule(cfg: Config) -> str:
    """The learning rate schedule in words."""
    words = []
    schedulers: Any = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        scheduler_type = type_name(scheduler['type'])
        if scheduler_type == 'PolyLR':
            floor = f', at least {scheduler["eta_min"]}' if scheduler.get('eta_min') else ''
            words.append(f'poly {scheduler.get("power", 1.0)}{floor}')
        elif scheduler_type == 'MultiStepLR':
            steps = ', '.join(map(str, scheduler['milestones']))
            words.append(f'x{scheduler.get("gamma", 0.1)} at {steps}')
        else:
            words.append(scheduler_type)
    return ', then '.join(words) or 'constant'


def batch_norm(plan: Plan | None) -> str:
    """How BatchNorm trains: 'train' (also synchronised), 'frozen', 'group', 'mixed' or 'none'."""
    if plan is None:
        return UNKNOWN
    return 'train' if plan.mode == 'sync' else plan.mode


def pretraining(cfg: Config) -> str:
    """The file of weights that training starts from, or 'none'."""
    if cfg.get('load_from'):
        return Path(cfg.load_from).name
    for part in (cfg.model, *cfg.model.values()):
        init = part.get('init_cfg') if isinstance(part, dict) else None
        if isinstance(init, dict) and init.get('checkpoint'):
            return Path(init['checkpoint']).name
    return 'none'
