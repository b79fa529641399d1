"""Reproducible weights for a TensorFlow graph: every array follows from its variable's name."""

import zlib
from pathlib import Path

import numpy as np

LAST = ('separable_conv3_pointwise', 'bottleneck_v1/conv3/', '/project/')


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array of one variable, as `tf_golden/README.md` defines it."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith('moving_variance'):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith(('moving_mean', 'beta', 'biases')):
        values = rng.normal(0, 0.1, shape)
    elif name.endswith('gamma'):
        last = any(part in name for part in LAST)
        values = rng.uniform(0.1, 0.3, shape) if last else rng.uniform(0.7, 1.3, shape)
    elif name.endswith('depthwise_weights'):
        values = rng.normal(0, 1 / 3.0, shape)
    else:
        gain = 10.0 if name == 'logits/semantic/weights' else 1.0
        values = rng.normal(0, gain * np.sqrt(1.0 / np.prod(shape[:-1])), shape)
    return values.astype(np.float32)


def load(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Variables, image (N, H, W, 3) and logits (N, h, w, classes) of a golden file."""
    golden = np.load(path)
    shapes = [tuple(map(int, shape.split(','))) for shape in golden['shapes'].tolist()]
    names = golden['names'].tolist()
    variables = {n: weight(n, s) for n, s in zip(names, shapes, strict=True)}
    return variables, golden['image'], golden['logits']
