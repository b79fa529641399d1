"""Train on CamVid without one of its films, and test on it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.ablation.changes import CHANGES, CONFIG, LISTS, TESTS, Change, film_of
from benchmarks.ablation.features import with_crop
from benchmarks.ablation.plan import Run, Settings
from benchmarks.ablation.runs import logged, median_step, scores, test, train
from benchmarks.ablation.train_heads import last_loss
from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import HOME
from mmdeeplab.datasets.split_list import read_split


def train_without_film(weights: Path, run: Run, settings: Settings, work: Path) -> dict:
    """One run: what :func:`benchmarks.ablation.runs.complete` asks a runner for.

    Args:
        weights: The checkpoint that all start from.
        run: Change, film and seed.
        settings: Of all runs; its options override the config.
        work: An empty folder.
    """
    change = run.variant
    assert isinstance(change, Change)  # what --films plans
    config, folder = work / f'{change.name}.py', work / 'data'
    config.write_text(config_text(change, weights))
    trained, tested = divide(Path(settings.data), change.film, folder)
    own = replace(settings, data=str(folder), iters=settings.iters * change.length)
    train(str(config), run.seed, own, work)
    metrics = test(str(config), own, work)
    result = scores(metrics)
    if change.name.startswith(CHANGES[0].name):
        result['tests'] = {
            name: scores(test(str(config), own, work, *how)) for name, how in TESTS.items()
        }
    return result | dict(
        film=change.film,
        images=dict(trained=trained, tested=tested),
        classes=len(metrics['per_class']),
        loss=last_loss([row['loss'] for row in logged(work)]),
        seconds_per_step=median_step(work),
    )


def divide(data: Path, film: str, folder: Path) -> tuple[int, int]:
    """A folder with the same images, trained on without a film, evaluated on it.

    Where val has frames of the film, those of the training images are left out of both, as val
    itself is nobody's training.

    Returns:
        How many images are trained on, and evaluated.
    """
    lists = {split: read_split(data / LISTS / f'{split}.txt') for split in ('train', 'val')}
    own = {split: [i for i in ids if film_of(i) == film] for split, ids in lists.items()}
    trained = [image for image in lists['train'] if film_of(image) != film]
    tested = own['val'] or own['train']
    (folder / LISTS).mkdir(parents=True)
    for entry in data.iterdir():
        if entry.is_file():
            shutil.copy(entry, folder)
        elif entry.name != LISTS.parts[0]:
            (folder / entry.name).symlink_to(entry.resolve())
    for name, ids in (('train', trained), ('val', tested)):
        (folder / LISTS / f'{name}.txt').write_text('\n'.join(ids) + '\n')
    return len(trained), len(tested)


def config_text(change: Change, weights: Path) -> str:
    """A config: the recipe with one change, in bfloat16 and channels last."""
    pipeline = load_config(str(HOME / CONFIG)).train_dataloader.dataset.to_dict()['pipeline']
    here = dict(num_workers=0, persistent_workers=False)
    size = (change.crop, change.crop)
    return f"""\
_base_ = {str(HOME / CONFIG)!r}
channels_last = True
load_from = {str(weights.resolve())!r}
steps = {with_crop(pipeline, change.crop)!r}
head = {{}}
{change.lines}
model = dict(data_preprocessor=dict(size={size}), decode_head=head)
train_dataloader = dict(dataset=dict(pipeline=steps), **{here})
val_dataloader = test_dataloader = {here}
"""
