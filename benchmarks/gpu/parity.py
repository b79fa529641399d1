"""The CPU and the GPU on the same weights and pictures, and how far each is from float64."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import networks
from benchmarks.gpu.job import Job
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.models.tf32 import set_tf32

MINI, XCEPTION = 'deeplabv3plus_mobilenetv2_mini-voc', 'deeplabv3plus_xception_voc'
MODES: dict[str, dict[str, Any]] = {
    'whole': {},
    'labels only': dict(keep_logits=False),
    'scales': dict(tta=True),
    'slide': dict(mode='slide', window=129),
    'bands': dict(mode='bands', window=129),
    'fast': dict(fast=True, keep_logits=True),
}
LABELS = 1e-3  # share of pixels: scores of a network without training are often nearly equal
SCORES = 1e-3  # of the largest score
TIMES = 10.0  # as far from float64 as the CPU's float32
Outputs = tuple[Tensor, Tensor]  # logits, all gradients in one vector


def parity(job: Job) -> None:
    """Prediction in each mode, then a step of training."""
    predictions(job)
    steps(job)


def predictions(job: Job) -> None:
    """Labels and scores of a picture, in each way to cut it."""
    model, cfg = networks.network(MINI)
    weights = job.folder / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict()), weights)
    height, width = job.of(375, 60), job.of(500, 80)
    picture = np.ascontiguousarray(networks.picture(max(height, width))[:height, :width])
    modes = dict(list(MODES.items())[: job.of(len(MODES), 2)])
    for name, options in modes.items():
        truth = DeepLabPredictor(cfg, weights, 'cpu', **options)(picture)
        for tf32 in (False, True):
            predictor = DeepLabPredictor(cfg, weights, job.device, allow_tf32=tf32, **options)
            prediction = predictor(picture)
            others = float((prediction.labels != truth.labels).mean())
            words, near = f'{others:.2%} of the labels differ', others <= LABELS
            if truth.logits is not None and prediction.logits is not None:
                a, b = np.asarray(prediction.logits), np.asarray(truth.logits)
                apart = float(np.abs(a - b).max() / np.abs(b).max())
                words += f', scores by {apart:.1e} of the largest'
                near = near and apart <= SCORES
            wanted = '' if tf32 else f'at most {LABELS:.1%} and {SCORES:.0e}'
            job.note(f'{name}, {tf32_state(tf32)}', words, wanted, None if tf32 else near)
    set_tf32(False)


def steps(job: Job) -> None:
    """Logits and gradients of one step, by their distance from float64's on the CPU."""
    side = job.of(129, 33)
    model, _ = networks.network(MINI if job.tiny else XCEPTION)
    for layer in model.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = 0.0  # devices draw different random numbers
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, side, side, generator=generator)
    labels = torch.randint(0, 21, (2, side, side), generator=generator)
    truth = step(model, images, labels, 'cpu', torch.float64)
    on_cpu = distances(truth, step(model, images, labels, 'cpu', torch.float32))
    job.note('CPU, float32', said(on_cpu))
    for tf32 in (False, True):
        set_tf32(tf32)
        on_device = distances(truth, step(model, images, labels, job.device, torch.float32))
        near = all(a <= TIMES * b for a, b in zip(on_device, on_cpu, strict=True))
        wanted = '' if tf32 else f"at most {TIMES:.0f} times the CPU's"
        job.note(
            f'{job.device}, float32, {tf32_state(tf32)}',
            said(on_device),
            wanted,
            None if tf32 else near,
        )
    set_tf32(False)
    exact = distances(truth, step(model, images, labels, job.device, torch.float64))
    job.note(f'{job.device}, float64', said(exact), 'at most 1e-9', max(exact) <= 1e-9)


def step(
    model: nn.Module, images: Tensor, labels: Tensor, device: str, dtype: torch.dtype
) -> Outputs:
    """Forward and backward of a copy of the network in training."""
    network: Any = copy.deepcopy(model).to(device, dtype).train()
    logits = network(images.to(device, dtype), mode='tensor')
    full = F.interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=True)
    F.cross_entropy(full, labels.to(device)).backward()
    gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    return logits.detach().cpu().double(), torch.cat(gradients).cpu().double()


def distances(truth: Outputs, actual: Outputs) -> list[float]:
    """For logits and for gradients: the norm of the difference, divided by the truth's."""
    return [float((a - b).norm() / a.norm()) for a, b in zip(truth, actual, strict=True)]


def said(apart: list[float]) -> str:
    return f'logits {apart[0]:.1e}, gradients {apart[1]:.1e} from float64'


def tf32_state(tf32: bool) -> str:
    return f'TF32 {"on" if tf32 else "off"}'
