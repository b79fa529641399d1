"""Convert the authors' Caffe networks: VGG-16 (DeepLab v1 and v2) and ResNet-101 (v2).

A ``.caffemodel`` is read without Caffe, or its blobs from an ``.npz``. Names are LAYER/weights
and LAYER/biases, after the layers of the prototxt files: `conv1_1` to `conv5_3`; `fc6` and `fc7`,
in ASPP `fc6_1` to `fc7_4`; `fc8_NAME`, in ASPP `fc8_NAME_1` to `_4`; MSc's `data_conv`, `data_fc`,
`data_ms`, `pool1_conv`, ... ResNet has `conv1`, `res2a_branch2a`, ..., `fc1_NAME_c0` to `_c3`, and
for each convolution before those `bn2a_branch2a/mean`, `/variance` and `/factor` (by which both
are to be divided) and `scale2a_branch2a/weights` and `/biases`. Layouts equal PyTorch's. The first
convolution sees BGR, as in our configs.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular
from mmdeeplab.weights.converters.caffe_start import OLD, cut_for
from mmdeeplab.weights.readers.caffemodel import read_blobs
from mmdeeplab.weights.readers.npz import read_npz
from mmdeeplab.weights.readers.protobuf import DamagedError
from mmdeeplab.weights.table import Array, Fitting, Rule, Table, at

LEAVES = {'weights': 'weight', 'biases': 'bias', 'mean': 'running_mean', 'variance': 'running_var'}
SIDE_LAYERS = {'conv': 'conv', 'fc': 'fc.conv', 'ms': 'ms'}
BRANCHES = {'1': 'shortcut', '2a': 'conv1', '2b': 'conv2', '2c': 'conv3'}
# names of units -> their numbers: short blocks count by letters, long ones 4a, 4b1, 4b2, ...
UNITS: dict[str, int | str] = {rf'(?P<b>\d){letter}': i for i, letter in enumerate('abcdef')}
UNITS[r'(?P<b>\d)b(?P<n>\d+)'] = '{n}'


def _rule(layer: str, module: str, leaves: str = 'weights|biases') -> Rule:
    """The rule from a layer to a module of ours, which is a template of :func:`at`."""
    target = at(module)
    return Rule(
        re.compile(f'{layer}/(?P<leaf>{leaves})'), lambda m: f'{target(m)}.{LEAVES[m["leaf"]]}'
    )


def resnet_rules() -> Iterator[Rule]:
    """Rules of ResNet-101: stem, units, and the four classifiers whose scores are summed."""
    yield from normed('conv1', 'bn_conv1', 'scale_conv1', 'backbone.stem.0')
    for unit, number in UNITS.items():
        block = f'backbone.block{{b-1}}.{number}'
        for theirs, ours in BRANCHES.items():
            name = f'{unit}_branch{theirs}'
            yield from normed(f'res{name}', f'bn{name}', f'scale{name}', f'{block}.{ours}')
    yield _rule(r'fc1_\w+_c(?P<i>\d)', 'decode_head.conv_seg.branches.{i}')


def normed(convolution: str, norm: str, scale: str, module: str) -> Iterator[Rule]:
    """Rules from three layers (convolution, BatchNorm, scale) to one of our ConvModules."""
    yield _rule(convolution, f'{module}.conv', 'weights')
    yield _rule(norm, f'{module}.bn', 'mean|variance')
    yield _rule(scale, f'{module}.bn')


def vgg_rules() -> Iterator[Rule]:
    """Rules of VGG-16: backbone, fc6 and fc7 of all branches, classifier, MSc's side branches."""
    yield _rule(r'conv(?P<s>\d)_(?P<i>\d)', 'backbone.stages.{s-1}.{i-1}.conv')
    yield _rule(r'(?P<l>fc[67])', 'neck.branches.0.{l}.conv')
    yield _rule(r'(?P<l>fc[67])_(?P<b>\d)', 'neck.branches.{b-1}.{l}.conv')
    yield _rule(r'fc8(_\w+)?', 'decode_head.conv_seg')
    for i, tap in enumerate(('data', 'pool1', 'pool2', 'pool3', 'pool4')):
        for theirs, ours in SIDE_LAYERS.items():
            yield _rule(f'{tap}_{theirs}', f'decode_head.sides.{i}.{ours}')


TABLE = Table(
    'caffe',
    [*vgg_rules(), *resnet_rules()],
    {
        'blobs that the smaller scales share': re.compile(r'res0(75|5)(_|/)'),
        "blobs of ImageNet's classifier, in whose place stands a new one": re.compile(f'^{OLD}'),
    },
)
# ImageNet's networks: what lies behind the convolutions has other shapes and 1000 classes.
BACKBONE_TABLE = TABLE._replace(
    ignored={**TABLE.ignored, "blobs of ImageNet's classifier": re.compile(r'fc(6|7|8\w*|1000)/')},
    part='backbone',
)


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these blobs; those of a network for ImageNet fill the backbone only."""
    return BACKBONE_TABLE if is_classification(source) else TABLE


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The config whose network this is; for a network for ImageNet a plain one on that backbone.

    The blobs do not contain rates: ASPP-S and ASPP-L have the same shapes, and so have the LargeFOV
    models of v1 and v2.
    """
    if 'res4b22_branch2a/weights' in source:
        return Fitting('deeplabv2_r101_voc')
    if 'conv5_3/weights' not in source:
        return None
    if 'data_ms/weights' in source:
        return Fitting('deeplabv1_vgg16-msc_voc')
    return Fitting('deeplabv2_vgg16_voc' if 'fc6_4/weights' in source else 'deeplabv1_vgg16_voc')


def adapt(source: dict[str, Array], model: Mapping[str, Tensor]) -> dict[str, Array]:
    """Cut ImageNet's VGG-16 to the shapes of ``model``, if that has fc6 and fc7."""
    return (cut_for(source, model) if is_classification(source) else None) or source


def is_classification(source: Mapping[str, Array]) -> bool:
    """Whether these blobs have no classifier of DeepLab, but another one or none."""
    scores = [a for name, a in source.items() if re.fullmatch(r'(fc8|fc1_)\w*/weights', name)]
    return not scores or all(a.shape[:1] == (1000,) for a in scores)


def merge_classifiers(source: Mapping[str, Array]) -> dict[str, Array]:
    """Join ASPP's classifiers, whose scores Caffe sums, to one classifier of the concatenation.

    Weights (classes, channels, 1, 1) are concatenated, biases are added. Other arrays, and a single
    classifier, are returned as they are.

    Raises:
        UserError: The branches have different numbers of classes.
    """
    pattern = re.compile(r'(fc8\w*)_(\d)/(weights|biases)')
    parts = {name: match for name in source if (match := pattern.fullmatch(name))}
    merged = {name: array for name, array in source.items() if name not in parts}
    for layer, leaf in sorted({(match[1], match[3]) for match in parts.values()}):
        names = sorted(n for n, match in parts.items() if (match[1], match[3]) == (layer, leaf))
        arrays = [source[name] for name in names]
        try:
            joined = np.concatenate(arrays, 1) if leaf == 'weights' else np.sum(arrays, 0)
        except ValueError as error:
            shapes = ', '.join(f'{name} {source[name].shape}' for name in names)
            raise UserError(f'branches of one classifier differ in shape: {shapes}') from error
        merged[f'{layer}/{leaf}'] = joined
    return merged


def divide_statistics(source: Mapping[str, Array]) -> dict[str, Array]:
    """Divide BatchNorm's sums by their factor, which is then dropped; a factor of 0 gives 0."""
    result = {name: array for name, array in source.items() if not name.endswith('/factor')}
    for name in source.keys() - result.keys():
        if source[name].size != 1 or source[name].dtype.kind not in 'fiu':
            raise UserError(f'{name} is not one number but {source[name].size}')
        factor = source[name].item()
        for leaf in ('mean', 'variance'):
            blob = name.replace('/factor', f'/{leaf}')
            if blob in result:
                result[blob] = result[blob] * (1 / factor if factor else 0)
    return result


def read(path: Path) -> dict[str, Array]:
    """Read all blobs of a ``.caffemodel`` or ``.npz``, in the form that :data:`TABLE` takes.

    Raises:
        UserError: The file is missing, damaged, or neither of the two.
    """
    if path.suffix not in ('.caffemodel', '.npz') or not is_regular(path):
        raise UserError(f'no .caffemodel, and no .npz of LAYER/weights and LAYER/biases, at {path}')
    if path.suffix == '.npz':
        return merge_classifiers(divide_statistics(read_npz(path)))
    try:
        blobs = read_blobs(path)
    except DamagedError as error:
        raise DamagedError(f'{path} is not a .caffemodel, or damaged: {error}') from error
    if not blobs:
        raise UserError(f'{path} holds no blobs: is it a network without its weights?')
    return merge_classifiers(divide_statistics(blobs))
