"""From files to a batch: images a second of one core.

The miniature VOC's JPEGs have about 111 KB on average at 500 pixels a line, VOC 2012's own at most
117 KB: its archive has 1,999,639,040 bytes for 17,125 images, annotations and masks included.
"""

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.models import SegDataPreProcessor

from benchmarks.case import Comparison, Scale, Variant, Work
from mmdeeplab.config.shipped import config_path
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor

CONFIG = 'deeplabv3plus_xception_voc'
Pipeline = Callable[[dict], Any]


def mmseg_pipeline(crop: int) -> list[dict]:
    """mmsegmentation's training pipeline for PASCAL VOC."""
    return [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomResize', scale=(4 * crop, crop), ratio_range=(0.5, 2), keep_ratio=True),
        dict(type='RandomCrop', crop_size=(crop, crop), cat_max_ratio=0.75),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'),
        dict(type='PackSegInputs'),
    ]


def own_pipeline(crop: int) -> list[dict]:
    """The paper's training pipeline, as our configs have it."""
    steps = Config.fromfile(config_path(CONFIG)).train_pipeline
    for step in steps:
        if 'crop_size' in step:
            step.crop_size = (crop, crop)
    return steps


def setup(scale: Scale) -> list[Comparison]:
    """The pipelines alone, the preprocessor of a batch, and the loader with workers."""
    init_default_scope('mmseg')
    crop, number = scale.of(512, 48), scale.of(8, 2)
    root = scale.folder / 'voc'
    generate(root, MiniVoc(train=number, val=1, size=scale.of(500, 64)), quiet=True)
    samples = [sample(root, path.stem) for path in sorted((root / 'JPEGImages').glob('*.jpg'))]
    return [
        pipelines(samples[:number], crop),
        preprocessors(samples[:number], crop, scale.of(4, 2)),
        *([] if scale.tiny else [workers(root, crop)]),
    ]


def sample(root: Path, name: str) -> dict:
    return dict(
        img_path=str(root / 'JPEGImages' / f'{name}.jpg'),
        seg_map_path=str(root / 'SegmentationClass' / f'{name}.png'),
        num_classes=21,
        label_map=None,
        reduce_zero_label=False,
    )


def seeded(pipeline: Pipeline, samples: Sequence[dict]) -> list:
    """Every sample once, under draws that are the same each time."""
    outputs = []
    for i, info in enumerate(samples):
        random.seed(i)
        np.random.seed(i)
        outputs.append(pipeline(dict(info, seg_fields=[])))
    return outputs


def pipelines(samples: Sequence[dict], crop: int) -> Comparison:
    """mmseg's augmentation by its transforms, and the paper's by ours."""

    def ready(steps: list[dict]) -> Work:
        return Work(partial(seeded, Compose(steps), samples), len(samples))

    variants = (
        Variant("mmseg's VOC pipeline", partial(ready, mmseg_pipeline(crop)), 'mmseg'),
        Variant("ours, the paper's augmentation", partial(ready, own_pipeline(crop))),
    )
    return Comparison(f'files to crops of {crop}', variants, variants[0].name)


def preprocessors(samples: Sequence[dict], crop: int, batch: int) -> Comparison:
    """Crops to a normalised batch, padded; both from the same crops."""
    done = seeded(Compose(mmseg_pipeline(crop)), samples)[:batch]
    options: dict[str, Any] = dict(bgr_to_rgb=True, size=(crop, crop), seg_pad_val=255)
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]

    def ready(module: Any) -> Work:
        def call() -> torch.Tensor:
            data = dict(
                inputs=[item['inputs'] for item in done],
                data_samples=[item['data_samples'].clone() for item in done],
            )
            return module(data, training=True)['inputs']

        return Work(call, batch)

    def equal(expected: torch.Tensor, actual: torch.Tensor) -> str:
        return f'largest difference {float((expected - actual).abs().max()):.1e}'

    variants = (
        Variant(
            'SegDataPreProcessor',
            lambda: ready(SegDataPreProcessor(mean, std, **options)),
            'mmseg',
        ),
        Variant('ours', lambda: ready(DeepLabPreprocessor(mean, std, **options))),
    )
    first = variants[0].name
    title = f'{batch} crops to a batch'
    return Comparison(title, variants, first, goals={'ours': 5}, agree=equal, truth=first)


def workers(root: Path, crop: int) -> Comparison:
    """The whole loader, one and two processes, batches of 4."""

    def ready(theirs: bool, count: int) -> Work:
        dataset: dict = dict(
            type='mmdeeplab.VOCFolderDataset',
            data_root=str(root),
            split='train',
            pipeline=mmseg_pipeline(crop) if theirs else own_pipeline(crop),
        )
        sampler = 'InfiniteSampler' if theirs else 'mmdeeplab.ResumableSampler'
        loader = (Runner if theirs else DeepLabRunner).build_dataloader(
            dict(
                batch_size=4,
                num_workers=count,
                prefetch_factor=1,  # little is left from the turns of the others
                persistent_workers=True,
                sampler=dict(type=sampler, shuffle=True),
                dataset=dataset,
            ),
            seed=0,
        )
        batches = iter(loader)
        return Work(lambda: [next(batches) for _ in range(16)], 64)

    variants = tuple(
        Variant(f'{name}, {count} worker{"s" * (count > 1)}', partial(ready, theirs, count), of)
        for theirs, of, name in ((True, 'mmseg', "mmseg's pipeline"), (False, 'mmdeeplab', 'ours'))
        for count in (1, 2)
    )
    return Comparison('growth: worker processes of a loader', variants, variants[0].name)
