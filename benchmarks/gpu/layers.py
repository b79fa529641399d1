"""Depthwise convolutions alone, and whole predictions."""

from itertools import product
from typing import Any

import numpy as np
import torch

from benchmarks import networks
from benchmarks.gpu.job import Job
from benchmarks.gpu.throughput import best
from mmdeeplab.inference.predictor import DeepLabPredictor

CHANNELS, RATES, SIDE, BATCH = (728, 2048), (1, 2, 6, 12, 18), 33, 16
LAYOUTS = {'NCHW': torch.contiguous_format, 'NHWC': torch.channels_last}
FORMATS = {'fp32': torch.float32, 'bf16': torch.bfloat16}
WAYS: dict[str, dict[str, Any]] = {
    'scores': {},
    'labels only': dict(keep_logits=False),
    'fast bf16': dict(fast='bf16'),
    'scales': dict(tta=True),
}


def depthwise(job: Job) -> None:
    """Time 3x3 depthwise convolutions of maps of Xception's sizes, forward and backward."""
    channels, atrous = CHANNELS[: job.of(2, 1)], RATES[: job.of(5, 2)]
    for count, rate, layout, name in product(channels, atrous, LAYOUTS, FORMATS):
        shape = job.of(BATCH, 2), job.of(count, 8), SIDE, SIDE
        dtype, order = FORMATS[name], LAYOUTS[layout]
        layer = torch.nn.Conv2d(
            shape[1], shape[1], 3, padding=rate, dilation=rate, groups=shape[1], bias=False
        ).to(job.device, dtype)
        layer = layer.to(memory_format=order)  # type: ignore[call-overload]
        x = torch.randn(shape).to(job.device, dtype).contiguous(memory_format=order)
        x.requires_grad_()
        slope = torch.ones_like(x)

        def call(layer: Any = layer, x: Any = x, slope: Any = slope) -> None:
            layer(x).backward(slope)

        seconds = best(job, call)
        words = f'{1e3 * seconds:.3f} ms' if job.rated else 'ran'
        job.note(f'C = {count}, rate {rate}, {layout}, {name}', words)


def evaluation(job: Job) -> None:
    """Predictions of Xception-65 on one size; then on several, with cuDNN's search and without."""
    name = 'deeplabv3plus_mobilenetv2_voc' if job.tiny else 'deeplabv3plus_xception_voc'
    model, cfg = networks.network(name)
    if job.tiny:
        cfg.model.data_preprocessor.test_size = (65, 65)
    weights = job.folder / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict()), weights)
    height, width = job.of(375, 48), job.of(500, 64)
    large = networks.picture(width)
    picture = np.ascontiguousarray(large[:height])
    for way, options in list(WAYS.items())[: job.of(len(WAYS), 1)]:
        predictor = DeepLabPredictor(cfg, weights, job.device, **options)
        note_speed(job, way, best(job, lambda p=predictor: p(picture), 3))  # type: ignore[misc]
    several = [np.ascontiguousarray(large[: height - 16 * i]) for i in range(job.of(8, 2))]
    cfg.model.data_preprocessor.test_size = (1, 1)
    predictor = DeepLabPredictor(cfg, weights, job.device, keep_logits=False)
    for search in (True, False):
        torch.backends.cudnn.benchmark = search
        seconds = best(job, lambda: [predictor(image) for image in several], 1) / len(several)
        note_speed(job, f'{len(several)} sizes, not padded, cudnn_benchmark={search}', seconds)


def note_speed(job: Job, name: str, seconds: float) -> None:
    job.note(name, f'{1 / seconds:.1f} images a second' if job.rated else 'ran')
