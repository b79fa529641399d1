"""Changes of CamVid's recipe, each tried on a film that training has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.ablation.plan import Run, Variant
from mmdeeplab.errors import UserError

CONFIG = 'configs/deeplabv3plus_mobilenetv2-coral_camvid.py'
CROP = 193
LISTS = Path('ImageSets/Segmentation')
TESTS = {'at-8': ('--output-stride', '8'), 'scales': ('--tta',)}


@dataclass(frozen=True)
class Change(Variant):
    """One change of the recipe, tried on one film.

    Attributes:
        lines: Of a config; ``steps`` are the training pipeline's, ``head`` changes the decode head.
        crop: Side of the crops in pixels.
        length: Of the training, in multiples of the others'.
        film: The one that is left out.
    """

    lines: str = ''
    crop: int = CROP
    length: int = 1
    film: str = ''


CHANGES = (
    Change('recipe', 'the recipe', CONFIG),
    Change(
        'colours', 'changed colours', CONFIG,
        lines="steps = [*steps[:-1], dict(type='PhotoMetricDistortion'), steps[-1]]",
    ),
    Change(
        'one-scale', 'no other scales', CONFIG,
        lines="steps = [dict(s, minimum=1.0, maximum=1.0) if 'minimum' in s else s for s in steps]",
    ),
    Change(
        'unweighted', 'classes weigh the same', CONFIG,
        lines='head = dict(loss_decode=dict(class_weight=None))',
    ),
    Change(
        'hard-pixels', 'hard pixels only', CONFIG,
        lines="head = dict(sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=5000))",
    ),
    Change(
        'averaged', 'averaged weights', CONFIG,
        lines="custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook', momentum=0.01)]",
    ),
    Change('larger', 'crops of 321', CONFIG, crop=321),
    Change('longer', 'twice as long', CONFIG, length=2),
)  # fmt: skip


def plan_films(names: list[str], data: str, seeds: int) -> list[Run]:
    """Runs of the named changes on each film; all of a change and seed before the next.

    Raises:
        UserError: The training images are of fewer than two films.
    """
    from mmdeeplab.datasets.split_list import read_split

    films = sorted({film_of(image) for image in read_split(Path(data) / LISTS / 'train.txt')})
    if len(films) < 2:
        raise UserError(f'--data {data}: train.txt has frames of one film, {films}')
    return [
        Run(replace(change, name=f'{change.name}-{film}', film=film), seed)
        for seed in range(seeds)
        for change in CHANGES
        if change.name in names
        for film in films
    ]


def film_of(image: str) -> str:
    """The film of a frame: CamVid's names begin with it, as in ``0001TP_006690``."""
    return image.partition('_')[0]
