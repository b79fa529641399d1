"""What a frozen encoder makes of the images: computed once, kept in files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from torch import Tensor

from benchmarks.ablation.heads import CONFIG
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.shipped import HOME
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.inference.build import load_segmentor
from mmdeeplab.randomness import derive, seed_all
from mmdeeplab.registry import DATASETS

CROP = 385  # pixels: 25 x 25 cells at stride 16, 97 x 97 at stride 4
LOW = 4  # stride of the low-level map, and of the labels
KINDS = ('low', 'last', 'context')


class Features(NamedTuple):
    """Maps of N images, float16 on disk.

    Attributes:
        low: (N, 144, h, w), the backbone's map at stride 4; None where it is not kept.
        last: (N, 320, h / 4, w / 4), the backbone's last map.
        context: (N, 256, h / 4, w / 4), the trained neck's; None where it is not kept.
        labels: (N, h, w) every fourth pixel's class, of training crops.
    """

    low: np.ndarray | None
    last: np.ndarray
    context: np.ndarray | None
    labels: np.ndarray | None


def images(data: str, split: str, crop: int | None = None) -> BaseSegDataset:
    """A list of VOC as evaluation reads it, or as random crops.

    Args:
        data: Folder of VOC, or of a part in its layout.
        split: ``train`` or ``val``.
        crop: Side of the crops: scaled by 0.5 to 2, mirrored half of the time.
    """
    cfg = load_config(str(HOME / CONFIG), ConfigOptions(data_root=data))
    init_default_scope(cfg.default_scope)
    given = cfg.test_dataloader.dataset.to_dict()
    if crop is None:
        return DATASETS.build(given | dict(split=split))
    pipeline = with_crop(cfg.train_dataloader.dataset.to_dict()['pipeline'], crop)
    return DATASETS.build(given | dict(split=split, pipeline=pipeline))


def with_crop(pipeline: Sequence[dict], side: int) -> list[dict]:
    """A training pipeline with square crops of another side."""
    crop = dict(crop_size=(side, side))
    return [step | (crop if 'crop_size' in step else {}) for step in pipeline]


def load_encoder(checkpoint: str, output_stride: int | None = None) -> BaseModel:
    """The trained network, in eval mode; it pads training crops to their own size."""
    side = load_config(str(HOME / CONFIG)).model.data_preprocessor.size[0]
    sizes = [f'{key}=({n},{n})' for key, n in (('size', CROP), ('test_size', side))]
    settings = [f'model.data_preprocessor.{size}' for size in sizes]
    cfg = load_config(str(HOME / CONFIG), ConfigOptions(settings, output_stride=output_stride))
    return load_segmentor(cfg, checkpoint, 'cpu')[0]


class Store:
    """Features of training crops and validation images, in a folder.

    Args:
        folder: Where they are kept.
        data: Folder of the images.
        checkpoint: The trained network.
        times: Crops of a training image.
    """

    def __init__(self, folder: Path, data: str, checkpoint: str, times: int = 2) -> None:
        self.folder, self.data, self.checkpoint, self.times = folder, data, checkpoint, times

    def training(self) -> Features:
        """Of ``times`` crops of every training image, the same for every run."""
        dataset = images(self.data, 'train', CROP)
        count = len(dataset) * self.times
        return self._kept(
            'train', KINDS, None, (self._crop(dataset, i) for i in range(count)), count
        )

    def validation(self, output_stride: int | None = None) -> Features:
        """Of every validation image, padded as evaluation pads it.

        Args:
            output_stride: Of the backbone, where it is another than that of training; then the
                last map alone is kept.
        """
        dataset = images(self.data, 'val')
        items = (dataset[i] for i in range(len(dataset)))
        kinds = KINDS if output_stride is None else ('last',)
        name = 'val' if output_stride is None else f'val{output_stride}'
        return self._kept(name, kinds, output_stride, items, len(dataset))

    def _crop(self, dataset: BaseSegDataset, index: int) -> dict:
        seed_all(derive('crop', index))
        item: dict = dataset[index % len(dataset)]
        return item

    def _kept(
        self, name: str, kinds: Sequence[str], stride: int | None, items: Iterable[dict], count: int
    ) -> Features:
        folder = self.folder / name
        if not (done := folder / 'done.json').is_file():
            folder.mkdir(parents=True, exist_ok=True)
            self._compute(folder, kinds, stride, items, count)
            with placing(done) as beside:
                beside.write_text(json.dumps(dict(count=count)) + '\n')
        maps = {file.stem: np.load(file, mmap_mode='r') for file in folder.glob('*.npy')}
        return Features(maps.get('low'), maps['last'], maps.get('context'), maps.get('labels'))

    @torch.no_grad()
    def _compute(
        self,
        folder: Path,
        kinds: Sequence[str],
        stride: int | None,
        items: Iterable[dict],
        count: int,
    ) -> None:
        model = load_encoder(self.checkpoint, stride)
        files: dict[str, np.memmap] = {}
        for i, item in enumerate(items):
            training = folder.name == 'train'
            batch = model.data_preprocessor(pseudo_collate([item]), training)
            maps = model.backbone(batch['inputs'])
            every = dict(low=maps[0], last=maps[-1], context=model.neck(maps)[-1])
            tensors: dict[str, Tensor] = {kind: every[kind][0].half() for kind in kinds}
            if training:
                label = batch['data_samples'][0].gt_sem_seg.data[0]
                tensors['labels'] = label[::LOW, ::LOW].to(torch.uint8)
            for kind, value in tensors.items():
                if kind not in files:
                    files[kind] = np.lib.format.open_memmap(
                        folder / f'{kind}.npy', 'w+', value.numpy().dtype, (count, *value.shape)
                    )
                files[kind][i] = value.numpy()
            if not i % 50:
                print(f'features of {folder.name}: {i} of {count}', flush=True)
        for file in files.values():
            file.flush()
