"""Read state dicts of other PyTorch projects, and rules that several projects share."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mmdeeplab.weights.readers.torch_file import read_tensors
from mmdeeplab.weights.table import Array, Module, Rule, at

LEAVES = r'(?P<leaf>weight|bias|running_mean|running_var)'
WRAPPERS = ('module.', 'model.')  # DataParallel's and Lightning's


def read_arrays(path: Path, trust: bool = False) -> dict[str, Array]:
    """Read a state dict (:func:`read_tensors`), and remove a wrapper's prefix from all names."""
    arrays = read_tensors(path, trust)
    for prefix in WRAPPERS:
        if arrays and all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    return arrays


def conv(pattern: str, module: Module) -> Rule:
    """The rule of a convolution: its kernel and its bias, if any, go to ``module``."""
    return Rule(re.compile(rf'{pattern}\.(?P<leaf>weight|bias)'), leaf_of(module))


def norm(pattern: str, module: Module) -> Rule:
    """The rule of the four tensors of a BN layer, which go to ``module``."""
    return Rule(re.compile(rf'{pattern}\.{LEAVES}'), leaf_of(module))


def leaf_of(module: Module) -> Module:
    """The key of the matched tensor inside ``module``."""
    return lambda match: f'{module(match)}.{match["leaf"]}'


def conv_norm(pattern: str, template: str, first: str = '0', second: str = '1') -> Iterator[Rule]:
    """Rules from a convolution and its norm, children ``first`` and ``second``, to a ConvModule."""
    yield conv(rf'{pattern}{first}', at(f'{template}.conv'))
    yield norm(rf'{pattern}{second}', at(f'{template}.bn'))


def resnet_rules(prefix: str) -> Iterator[Rule]:
    """Rules of torchvision's ResNet behind ``prefix``; many projects use its names."""
    yield from conv_norm(prefix, 'backbone.stem.0', 'conv1', 'bn1')
    unit = rf'{prefix}layer(?P<b>\d)\.(?P<u>\d+)\.'
    for i in '123':
        yield from conv_norm(unit, f'backbone.block{{b}}.{{u}}.conv{i}', f'conv{i}', f'bn{i}')
    yield from conv_norm(rf'{unit}downsample\.', 'backbone.block{b}.{u}.shortcut')


def mobilenet_v2_rules(prefix: str) -> Iterator[Rule]:
    """Rules of torchvision's MobileNetV2 behind ``prefix``; its first block has no expansion."""
    yield from conv_norm(rf'{prefix}0\.', 'backbone.stem')
    yield from conv_norm(rf'{prefix}1\.conv\.0\.', 'backbone.blocks.0.depthwise')
    yield from conv_norm(rf'{prefix}1\.conv\.', 'backbone.blocks.0.project', '1', '2')
    block, ours = rf'{prefix}(?P<i>[2-9]|1[0-7])\.conv\.', 'backbone.blocks.{i-1}'
    yield from conv_norm(rf'{block}0\.', f'{ours}.expand')
    yield from conv_norm(rf'{block}1\.', f'{ours}.depthwise')
    yield from conv_norm(block, f'{ours}.project', '2', '3')
    yield from conv_norm(rf'{prefix}18\.', 'backbone.last')


def mobilenet_v3_rules(prefix: str) -> Iterator[Rule]:
    """Rules of torchvision's MobileNetV3-Large behind ``prefix``; block 1 has no expansion."""
    yield from conv_norm(rf'{prefix}0\.', 'backbone.stem')
    yield from conv_norm(rf'{prefix}1\.block\.0\.', 'backbone.blocks.0.depthwise')
    yield from conv_norm(rf'{prefix}1\.block\.1\.', 'backbone.blocks.0.project')
    block, ours = rf'{prefix}(?P<i>[2-9]|1[0-5])\.block\.', 'backbone.blocks.{i-1}'
    yield from conv_norm(rf'{block}0\.', f'{ours}.expand')
    yield from conv_norm(rf'{block}1\.', f'{ours}.depthwise')
    yield conv(rf'{block}2\.fc1', at(f'{ours}.squeeze_excite.squeeze'))
    yield conv(rf'{block}2\.fc2', at(f'{ours}.squeeze_excite.excite'))
    yield from conv_norm(rf'{block}[23]\.', f'{ours}.project')
    yield from conv_norm(rf'{prefix}16\.', 'backbone.last')


def separable(parts: str, norms: str, ours: str) -> Iterator[Rule]:
    """Rules of a separable 3x3 convolution: parts below ``parts``, one norm behind both."""
    yield conv(rf'{parts}0', at(f'{ours}.depthwise_conv.conv'))
    yield conv(rf'{parts}1', at(f'{ours}.pointwise_conv.conv'))
    yield norm(norms, at(f'{ours}.pointwise_conv.bn'))


def aspp_rules(prefix: str, split: bool = False) -> Iterator[Rule]:
    """Rules of torchvision's ASPP behind ``prefix``; ``split``: its 3x3 convolutions are separable.

    Its branches are a 1x1 convolution, three rates, and image pooling. Ours begin with the pooling,
    as TF's, so the input channels of the projection are reordered.
    """
    branch, ours = rf'{prefix}convs\.(?P<r>[123])\.', 'neck.atrous.{r-1}'
    yield from conv_norm(rf'{prefix}convs\.0\.', 'neck.pointwise')
    yield from separable(rf'{branch}0\.', rf'{branch}1', ours) if split else conv_norm(branch, ours)
    yield from conv_norm(rf'{prefix}convs\.4\.', 'neck.image_pooling', '1', '2')
    kernel, bn = conv_norm(rf'{prefix}project\.', 'neck.projection')
    yield from (kernel._replace(transform=last_branch_first), bn)


def last_branch_first(kernel: Array) -> Array:
    """Move the last C input channels of a kernel (C, branches * C, 1, 1) before the others."""
    return np.roll(kernel, len(kernel), axis=1)


def resnet_depth(source: Mapping[str, Array], prefix: str = '') -> int | None:
    """Depth of a ResNet, 50 or 101, by the units of its third stage; None for other networks."""
    units = [name for name in source if re.fullmatch(rf'{prefix}layer3\.\d+\.conv3\.weight', name)]
    return {6: 50, 23: 101}.get(len(units))
