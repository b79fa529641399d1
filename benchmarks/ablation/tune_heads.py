"""Train encoder and head together on photographs, by the project's own commands."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.ablation.features import with_crop
from benchmarks.ablation.heads import CONFIG, NORM, Head
from benchmarks.ablation.plan import Run, Settings
from benchmarks.ablation.runs import logged, median_step, test, train
from benchmarks.ablation.train_heads import DECAY, FINER, POWER, Network, last_loss, silence
from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import HOME
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.models.analysis import parameters

BATCH, CROP = 8, 257
LEARNING_RATE = 1e-3  # AdamW, poly
ENCODER = 0.1  # of the learning rate, for what comes from the checkpoint
MOMENTUM = 0.03  # of its norms: statistics follow within a hundred steps
CLASSIFIER = 'decode_head.'


def tune_head(encoder: Path, run: Run, settings: Settings, work: Path) -> dict:
    """One run: what :func:`benchmarks.ablation.runs.complete` asks a runner for.

    Args:
        encoder: What :func:`write_encoder` wrote.
        run: Head and seed.
        settings: Of all runs; its options override the config.
        work: An empty folder.
    """
    head = run.variant
    assert isinstance(head, Head)  # what --encoder plans
    config = work / f'{head.name}.py'
    config.write_text(config_text(head, encoder))
    train(str(config), run.seed, settings, work)
    keys = ('mIoU', 'trimap', 'per_image')
    metrics = test(str(config), settings, work)
    result = {key: metrics[key] for key in keys}
    if head.finer:
        finer = test(str(config), settings, work, '--output-stride', str(FINER))
        result['finer'] = {key: finer[key] for key in keys}
    silence()
    return result | dict(
        loss=last_loss([row['loss'] for row in logged(work)]),
        seconds_per_step=median_step(work),
        parameters=parameters(Network(head)),
    )


def write_encoder(checkpoint: Path, path: Path) -> Path:
    """A trained network without its classifier, so that every head starts anew."""
    content = read_checkpoint(checkpoint)
    state = {k: v for k, v in content['state_dict'].items() if not k.startswith(CLASSIFIER)}
    with placing(path) as beside:
        torch.save(dict(state_dict=state, meta={}), beside)
    return path


def config_text(head: Head, encoder: Path) -> str:
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
    slow = ('backbone', *(() if head.neck else ('neck',)))
    pipeline = with_crop(own.train_dataloader.dataset.to_dict()['pipeline'], CROP)
    lists = dict(split='train', mask_dir='SegmentationClass', pipeline=pipeline)
    settings = dict(
        _base_=str(HOME / head.config),
        model=model,
        channels_last=True,
        load_from=str(encoder.resolve()),
        train_dataloader=dict(batch_size=BATCH, num_workers=0, persistent_workers=False)
        | dict(dataset=lists),
        optim_wrapper=dict(
            _delete_=True,
            type='mmdeeplab.AutocastOptimWrapper',
            optimizer=dict(type='AdamW', lr=LEARNING_RATE, weight_decay=DECAY),
            paramwise_cfg=dict(custom_keys={part: dict(lr_mult=ENCODER) for part in slow}),
        ),
        param_scheduler=[dict(type='PolyLR', power=POWER, eta_min=0.0, by_epoch=False)],
    )
    return ''.join(f'{key} = {value!r}\n' for key, value in settings.items())
