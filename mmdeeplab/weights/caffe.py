"""The authors' Caffe networks on VGG-16 (DeepLab v1 and v2), as arrays in an ``.npz``.

Names are LAYER/weights and LAYER/biases, after the layers of the prototxt files: `conv1_1` to
`conv5_3`; `fc6` and `fc7`, in ASPP `fc6_1` to `fc7_4`; `fc8_NAME`, in ASPP `fc8_NAME_1` to `_4`;
MSc's `data_conv`, `data_fc`, `data_ms`, `pool1_conv`, ... Layouts equal PyTorch's. The first
convolution sees BGR, as in our configs.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.weights.npz import read_npz
from mmdeeplab.weights.table import Array, Rule, Table

LEAVES = {'weights': 'weight', 'biases': 'bias'}
SIDE_LAYERS = {'conv': 'conv', 'fc': 'fc.conv', 'ms': 'ms'}


def _rule(layer: str, module: str) -> Rule:
    """One layer -> one module; in ``module`` a {group} stands as matched, {group-1} less one."""

    def target(match: re.Match[str]) -> str:
        def fill(field: re.Match[str]) -> str:
            value = match[field[1]]
            return str(int(value) - 1) if field[2] else value

        return f'{re.sub(r"{(.)(-1)?}", fill, module)}.{LEAVES[match["leaf"]]}'

    return Rule(re.compile(f'{layer}/(?P<leaf>weights|biases)'), target)


TABLE = Table(
    'caffe',
    [
        _rule(r'conv(?P<s>\d)_(?P<i>\d)', 'backbone.stages.{s-1}.{i-1}.conv'),
        _rule(r'(?P<l>fc[67])', 'neck.branches.0.{l}.conv'),
        _rule(r'(?P<l>fc[67])_(?P<b>\d)', 'neck.branches.{b-1}.{l}.conv'),
        _rule(r'fc8(_\w+)?', 'decode_head.conv_seg'),
        *(
            _rule(f'{tap}_{theirs}', f'decode_head.sides.{i}.{ours}')
            for i, tap in enumerate(('data', 'pool1', 'pool2', 'pool3', 'pool4'))
            for theirs, ours in SIDE_LAYERS.items()
        ),
    ],
)


def merge_classifiers(source: Mapping[str, Array]) -> dict[str, Array]:
    """Make ASPP's classifiers, whose scores Caffe sums, one classifier on the concatenation.

    Weights (classes, channels, 1, 1) are put side by side, biases added. Other arrays, and a
    single classifier, pass through.
    """
    pattern = re.compile(r'(fc8\w*)_(\d)/(weights|biases)')
    parts = {name: match for name in source if (match := pattern.fullmatch(name))}
    merged = {name: array for name, array in source.items() if name not in parts}
    for layer, leaf in sorted({(match[1], match[3]) for match in parts.values()}):
        names = sorted(n for n, match in parts.items() if (match[1], match[3]) == (layer, leaf))
        arrays = [source[name] for name in names]
        merged[f'{layer}/{leaf}'] = (
            np.concatenate(arrays, 1) if leaf == 'weights' else np.sum(arrays, 0)
        )
    return merged


def from_classification(
    source: Mapping[str, Array],
    channels: int = 1024,
    kernel_size: int = 3,
    branches: int = 1,
    classes: int = 21,
    seed: int = 0,
) -> dict[str, Array]:
    """Cut ImageNet's VGG-16 to the starting point of DeepLab (v1 section 3.1, v2 section 4.1).

    fc6's 7x7 kernel keeps every second row and column (4x4) or every third (3x3), which the atrous
    rate spreads out again; of the 4096 filters of fc6 and fc7 a random choice of ``channels`` is
    kept. Every branch of ASPP starts from the same fc6 and fc7. The classifier is new: N(0, 0.01).

    Args:
        source: Arrays of the classification network; fc6/weights (4096, 25088) or
            (4096, 512, 7, 7), fc7/weights (4096, 4096), perhaps with (1, 1) behind.
        channels: Channels of fc6 and fc7.
        kernel_size: Kernel of fc6: 3, 4 or 7.
        branches: Number of rates.
        classes: Number of classes.
        seed: Of the choice of filters and of the classifier.

    Returns:
        Arrays for :data:`TABLE`.

    Raises:
        ValueError: A kernel that no decimation of 7x7 gives.
    """
    steps = {7: 1, 4: 2, 3: 3}
    if kernel_size not in steps:
        raise ValueError(f'kernel_size must be one of 3, 4, 7, got {kernel_size!r}')
    rng = np.random.default_rng(seed)
    full = len(source['fc6/biases'])
    six, seven = (np.sort(rng.choice(full, channels, replace=False)) for _ in range(2))
    fc6 = source['fc6/weights'].reshape(full, -1, 7, 7)
    fc7 = source['fc7/weights'].reshape(full, full, 1, 1)
    step = steps[kernel_size]
    cut = {name: array for name, array in source.items() if name.startswith('conv')}
    for i in range(1, branches + 1):
        cut[f'fc6_{i}/weights'] = fc6[six][:, :, ::step, ::step]
        cut[f'fc6_{i}/biases'] = source['fc6/biases'][six]
        cut[f'fc7_{i}/weights'] = fc7[seven][:, six]
        cut[f'fc7_{i}/biases'] = source['fc7/biases'][seven]
    cut['fc8/weights'] = rng.normal(0, 0.01, (classes, branches * channels, 1, 1))
    cut['fc8/biases'] = np.zeros(classes)
    return cut


def read(path: Path) -> dict[str, Array]:
    """Read every array of an ``.npz``, ASPP's classifiers merged.

    Raises:
        UserError: No such file, or not an ``.npz``.
    """
    if path.suffix != '.npz' or not path.is_file():
        raise UserError(
            f'no .npz at {path}: save the blobs of a .caffemodel where Caffe is at hand, under '
            'LAYER/weights and LAYER/biases'
        )
    return merge_classifiers(read_npz(path))
