"""Train a head on kept features, and score it on every validation image."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.ablation.features import LOW, Features, Store, images
from benchmarks.ablation.heads import CONFIG, NORM, Head
from benchmarks.ablation.plan import BANDS, Run, Settings
from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import HOME
from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.inference.labels import labels_of_logits
from mmdeeplab.models.analysis import parameters
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.randomness import derive, seed_all

BATCH = 16
LEARNING_RATE, DECAY, POWER = 5e-3, 1e-4, 0.9  # AdamW, poly
WINDOW = 6  # cells of stride 16 a side, of what a decoder is trained on
VOID = 255
FINER = 8  # output stride at which ASPP is tested as well


class Network(nn.Module):
    """A neck, if any, and a decode head.

    Args:
        head: Which.
        finer: How much finer the last map is than in training; atrous rates grow as much.
    """

    def __init__(self, head: Head, finer: int = 1) -> None:
        super().__init__()
        cfg = load_config(str(HOME / head.config))
        init_default_scope(cfg.default_scope)
        decode_head = cfg.model.decode_head.to_dict()
        if head.decoder is not None:
            decode_head |= dict(norm_cfg=NORM) | head.decoder
        self.decode_head = MODELS.build(
            replace_losses(dict(decode_head=decode_head))[0]['decode_head']
        )
        self.neck = None
        if head.neck is not None:
            rates = (6 * finer, 12 * finer, 18 * finer)
            wide = dict(rates=rates) if 'ASPP' in head.neck['type'] else {}
            self.neck = MODELS.build(head.neck | wide)
        for part in (self.neck, self.decode_head):
            if part is not None:
                part.init_weights()

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Logits (N, classes, h, w) of the maps, fine to coarse."""
        return self.decode_head(maps if self.neck is None else self.neck(maps))


def train_head(store: Store, run: Run, settings: Settings, work: Path) -> dict:
    """One run: what :func:`benchmarks.ablation.runs.complete` asks a runner for."""
    assert isinstance(run.variant, Head)  # what --encoder plans
    silence()
    seed_all(derive('head', run.seed))
    network = Network(run.variant)
    steps = fit(network, run.variant, store.training(), settings.iters, run.seed)
    result = evaluate(network, run.variant, store, store.validation())
    if run.variant.finer:
        finer = Network(run.variant, 16 // FINER)
        finer.load_state_dict(network.state_dict())
        result['finer'] = evaluate(finer, run.variant, store, store.validation(FINER))
    return result | steps | dict(parameters=parameters(network))


def silence() -> None:
    """No log of initial weights, nor of each run's scores: one table is made of all."""
    if not MMLogger.check_instance_created('ablation'):
        MMLogger.get_instance('ablation', log_level='WARNING')


def fit(network: Network, head: Head, features: Features, iters: int, seed: int) -> dict:
    """Train; return the median seconds of a step, and the loss's mean over the last fifth."""
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, iters, POWER)
    order = np.random.default_rng(derive('order', seed))  # the same for every head
    losses, times = [], []
    network.train()
    for _ in range(iters):
        begin = time.monotonic()
        maps, labels = batch(head, features, order)
        logits = network(maps)
        logits = F.interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=True)
        loss = F.cross_entropy(logits, labels, ignore_index=VOID)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        times.append(time.monotonic() - begin)
    return dict(seconds_per_step=statistics.median(times), loss=last_loss(losses))


def last_loss(losses: Sequence[float]) -> float:
    """The mean over the last fifth of the training."""
    return statistics.fmean(losses[-max(len(losses) // 5, 1) :])


def batch(
    head: Head, features: Features, order: np.random.Generator
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Maps and labels of some crops; for a decoder, of a window of each."""
    chosen = order.integers(len(features.last), size=BATCH)
    assert features.labels is not None
    side = features.last.shape[-1]
    corners = order.integers(max(side - WINDOW, 0) + 1, size=(BATCH, 2))
    if head.neck is not None:
        return (tensor(features.last[chosen]),), torch.from_numpy(features.labels[chosen]).long()
    assert features.context is not None
    assert features.low is not None
    coarse = [window(corner, 1) for corner in corners]
    fine = [window(corner, 16 // LOW) for corner in corners]
    context = np.stack([features.context[i][c] for i, c in zip(chosen, coarse, strict=True)])
    low = np.stack([features.low[i][c] for i, c in zip(chosen, fine, strict=True)])
    labels = np.stack([features.labels[i][c[1:]] for i, c in zip(chosen, fine, strict=True)])
    return (tensor(low), tensor(context)), torch.from_numpy(labels).long()


def window(corner: np.ndarray, times: int) -> tuple[slice, slice, slice]:
    """A window of a map (C, h, w) that is so many times finer; corners lie on each other."""
    top, left = map(int, corner)
    length = (WINDOW - 1) * times + 1
    return (
        slice(None),
        slice(top * times, top * times + length),
        slice(left * times, left * times + length),
    )


def tensor(maps: np.ndarray) -> Tensor:
    """Maps as float32, apart from the file."""
    return torch.from_numpy(np.array(maps, np.float32))


@torch.no_grad()
def evaluate(network: Network, head: Head, store: Store, features: Features) -> dict:
    """Scores over the validation images, as ``tools/test.py`` counts them."""
    network.eval()
    dataset = images(store.data, 'val')
    metric = SegMetric(trimap=BANDS, loss=False)
    metric.dataset_meta = dataset.metainfo
    height, width = load_config(str(HOME / CONFIG)).model.data_preprocessor.size
    for i in range(len(dataset)):
        sample = dataset[i]['data_samples']
        h, w = sample.ori_shape
        kinds = [features.last] if head.neck is not None else [features.low, features.context]
        maps = tuple(tensor(kind[i : i + 1]) for kind in kinds if kind is not None)
        padding = (0, width - w, 0, height - h)
        labels = labels_of_logits(
            network(maps)[0], (height, width), padding, (h, w), align_corners=True
        )
        pair = dict(gt_sem_seg=sample.gt_sem_seg.data, pred_sem_seg=labels[None].long())
        paths = dict(img_path=sample.img_path, seg_map_path=sample.seg_map_path)
        metric.process({}, [{key: dict(data=value) for key, value in pair.items()} | paths])
    result = metric.evaluate(len(dataset)).result
    assert result is not None
    kept = result.as_dict()
    rows = [dict(id=row['id'], counts=row['counts']) for row in kept['per_image']]
    return dict(mIoU=kept['mIoU'], trimap=kept['trimap'], per_image=rows)
