"""Train a head, then encoder and head together, on photographs, by the project's own commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.ablation.features import Store, with_crop
from benchmarks.ablation.heads import CONFIG, NORM, Head
from benchmarks.ablation.plan import Run, Settings
from benchmarks.ablation.runs import logged, median_step, scores, test, train
from benchmarks.ablation.train_heads import (
    DECAY,
    FINER,
    POWER,
    Network,
    fit,
    last_loss,
    silence,
)
from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import HOME
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.models.analysis import parameters
from mmdeeplab.randomness import derive, seed_all

TOGETHER = 0.4  # of the steps of the head alone, encoder and head learn together after them
BATCH, CROP = 8, 257
LEARNING_RATE = 1e-4  # AdamW, poly
MOMENTUM = 0.03  # of the encoder's norms: statistics follow within a hundred steps
CLASSIFIER, NECK = 'decode_head.', 'neck.'


def tune_head(checkpoint: Path, store: Store, run: Run, settings: Settings, work: Path) -> dict:
    """One run: what :func:`benchmarks.ablation.runs.complete` asks a runner for.

    The head learns alone first, as behind an encoder that stays as it is: from random weights, its
    gradients would spoil the encoder before they mean anything.

    Args:
        checkpoint: The trained network.
        store: Maps of its encoder.
        run: Head and seed.
        settings: Of all runs; its options override the config.
        work: An empty folder.
    """
    head = run.variant
    assert isinstance(head, Head)  # what --encoder plans
    silence()
    seed_all(derive('head', run.seed))
    network = Network(head)
    fit(network, head, store.training(), settings.iters, run.seed)
    start = write_start(checkpoint, network, work / 'start.pth')
    config = work / f'{head.name}.py'
    config.write_text(config_text(head, start))
    together = replace(settings, iters=round(TOGETHER * settings.iters) or 1)
    train(str(config), run.seed, together, work)
    start.unlink()
    result = scores(test(str(config), settings, work))
    if head.finer:
        finer = test(str(config), settings, work, '--output-stride', str(FINER))
        result['finer'] = scores(finer)
    return result | dict(
        loss=last_loss([row['loss'] for row in logged(work)]),
        seconds_per_step=median_step(work),
        parameters=parameters(network),
    )


def write_start(checkpoint: Path, network: Network, path: Path) -> Path:
    """Write the trained encoder with a head that has learned behind it."""
    own = network.state_dict()
    left = (CLASSIFIER, NECK) if network.neck is not None else (CLASSIFIER,)
    trained = read_checkpoint(checkpoint)['state_dict']
    encoder = {key: value for key, value in trained.items() if not key.startswith(left)}
    with placing(path) as beside:
        torch.save(dict(state_dict=encoder | own, meta={}), beside)
    return path


def config_text(head: Head, start: Path) -> str:
    """A config: the head's own, behind the encoder, with the recipe of these runs."""
    trained = load_config(str(HOME / CONFIG))
    own = load_config(str(HOME / head.config))
    follows = dict(norm_cfg=dict(momentum=MOMENTUM))
    model: dict = dict(
        data_preprocessor={key: trained.model.data_preprocessor[key] for key in ('mean', 'std')}
        | dict(size=(CROP, CROP)),
        backbone=follows,
        neck=follows if head.neck is None else head.neck | dict(_delete_=True),
    )
    if head.decoder is not None:
        model['decode_head'] = dict(norm_cfg=NORM) | head.decoder
    pipeline = with_crop(own.train_dataloader.dataset.to_dict()['pipeline'], CROP)
    lists = dict(split='train', mask_dir='SegmentationClass', pipeline=pipeline)
    settings = dict(
        _base_=str(HOME / head.config),
        model=model,
        channels_last=True,
        load_from=str(start.resolve()),
        train_dataloader=dict(batch_size=BATCH, num_workers=0, persistent_workers=False)
        | dict(dataset=lists),
        optim_wrapper=dict(
            _delete_=True,
            type='mmdeeplab.AutocastOptimWrapper',
            optimizer=dict(type='AdamW', lr=LEARNING_RATE, weight_decay=DECAY),
        ),
        param_scheduler=[dict(type='PolyLR', power=POWER, eta_min=0.0, by_epoch=False)],
    )
    return ''.join(f'{key} = {value!r}\n' for key, value in settings.items())
