"""How TensorFlow's slim names and lays out the variables of a layer.

Layouts: convolutions HWIO -> OIHW, depthwise kernels HWC1 -> C1HW.
"""

import re
from collections.abc import Iterator

from mmdeeplab.weights.table import Array, Module, Rule

BATCH_NORM = {
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_variance': 'running_var',
}


def hwio_to_oihw(kernel: Array) -> Array:
    """(H, W, in, out) -> (out, in, H, W)."""
    return kernel.transpose(3, 2, 0, 1)


def hwc1_to_c1hw(kernel: Array) -> Array:
    """(H, W, C, 1) -> (C, 1, H, W)."""
    return kernel.transpose(2, 3, 0, 1)


def scope(pattern: str, module: Module) -> Iterator[Rule]:
    """Rules from a TF scope of a convolution with BatchNorm to one of our ConvModules."""
    for leaf, transform in (('weights', hwio_to_oihw), ('depthwise_weights', hwc1_to_c1hw)):
        yield Rule(re.compile(f'{pattern}/{leaf}'), lambda m: f'{module(m)}.conv.weight', transform)
    for leaf, ours in BATCH_NORM.items():
        yield Rule(
            re.compile(f'{pattern}/BatchNorm/{leaf}'),
            lambda m, ours=ours: f'{module(m)}.bn.{ours}',  # type: ignore[misc]
        )


def biased(pattern: str, module: Module) -> Iterator[Rule]:
    """Rules from a TF scope of a convolution with biases, without norm, to one of our Conv2ds."""
    yield Rule(re.compile(f'{pattern}/weights'), lambda m: f'{module(m)}.weight', hwio_to_oihw)
    yield Rule(re.compile(f'{pattern}/biases'), lambda m: f'{module(m)}.bias')
