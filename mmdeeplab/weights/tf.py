"""TensorFlow's original (`research/deeplab`): checkpoints, or arrays under their variable names.

Layouts: convolutions HWIO -> OIHW, depthwise kernels HWC1 -> C1HW. Names from
`deeplab/core/xception.py`, `deeplab/core/resnet_v1_beta.py`, `deeplab/model.py` and `slim`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.weights.table import Array, Rule, Table

Module = Callable[[re.Match[str]], str]

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


def scope(pattern: str, module: Module, norm: str = 'bn') -> Iterator[Rule]:
    """Rules of one convolution with BatchNorm: TF scope -> one of our ConvModules."""
    for leaf, transform in (('weights', hwio_to_oihw), ('depthwise_weights', hwc1_to_c1hw)):
        yield Rule(re.compile(f'{pattern}/{leaf}'), lambda m: f'{module(m)}.conv.weight', transform)
    for leaf, ours in BATCH_NORM.items():
        yield Rule(
            re.compile(f'{pattern}/BatchNorm/{leaf}'),
            lambda m, ours=ours: f'{module(m)}.{norm}.{ours}',  # type: ignore[misc]
        )


def at(template: str) -> Module:
    """A module path; ``{a}`` is the named group as it stands, ``{a-1}`` the group less one."""

    def fill(match: re.Match[str]) -> str:
        def one(field: re.Match[str]) -> str:
            value = match[field[1]] or '0'
            return str(int(value) - 1) if field[2] else value

        return re.sub(r'\{(\w+?)(-1)?\}', one, template)

    return fill


UNIT = r'xception_\d+/{}/xception_module/'
FLOWS = {
    'entry_flow.{b-1}': r'entry_flow/block(?P<b>\d+)/unit_1',
    'middle_flow.{u-1}': r'middle_flow/block1/unit_(?P<u>\d+)',
    'exit_flow.{b-1}': r'exit_flow/block(?P<b>\d+)/unit_1',
}


def xception_rules() -> Iterator[Rule]:
    """The backbone: stem, and separable convolutions and shortcuts of every unit."""
    yield from scope(r'xception_\d+/entry_flow/conv1_(?P<i>\d)', at('backbone.stem.{i-1}'))
    for ours, theirs in FLOWS.items():
        unit = UNIT.format(theirs)
        yield from scope(
            unit + r'separable_conv(?P<j>\d)_(?P<part>depthwise|pointwise)',
            at(f'backbone.{ours}.sep{{j}}.{{part}}_conv'),
        )
        yield from scope(unit + 'shortcut', at(f'backbone.{ours}.shortcut'))


def resnet_rules() -> Iterator[Rule]:
    """The backbone, plain or beta; both keep the scope `resnet_v1_{depth}`."""
    yield from scope(r'resnet_v1_\d+/conv1', at('backbone.stem.0'))
    yield from scope(r'resnet_v1_\d+/conv1_(?P<i>\d)', at('backbone.stem.{i-1}'))
    yield from scope(
        r'resnet_v1_\d+/block(?P<b>\d)/unit_(?P<u>\d+)/bottleneck_v1/(?P<part>conv\d|shortcut)',
        at('backbone.block{b}.{u-1}.{part}'),
    )


def head_rules() -> Iterator[Rule]:
    """ASPP, decoder and classifier, separable or not, with one or several decoder stages."""
    yield from scope('image_pooling', at('neck.image_pooling'))
    yield from scope('aspp0', at('neck.pointwise'))
    yield from scope(r'aspp(?P<i>[1-9])', at('neck.atrous.{i-1}'))
    yield from scope(
        r'aspp(?P<i>[1-9])_(?P<part>depthwise|pointwise)', at('neck.atrous.{i-1}.{part}_conv')
    )
    yield from scope('concat_projection', at('neck.projection'))
    stage = r'(?:_(?P<s>\d+))?'
    yield from scope(f'decoder/feature_projection0{stage}', at('decode_head.stages.{s}.projection'))
    yield from scope(
        rf'decoder/decoder_conv(?P<i>\d){stage}_(?P<part>depthwise|pointwise)',
        at('decode_head.stages.{s}.refine.{i}.{part}_conv'),
    )
    yield from scope(  # slim.repeat counts from 1 and repeats the scope's name
        rf'decoder/decoder_conv0{stage}/decoder_conv0(?:_(?P=s))?_(?P<i>\d)',
        at('decode_head.stages.{s}.refine.{i-1}'),
    )
    yield Rule(
        re.compile('logits/semantic/weights'),
        lambda m: 'decode_head.conv_seg.weight',
        hwio_to_oihw,
    )
    yield Rule(re.compile('logits/semantic/biases'), lambda m: 'decode_head.conv_seg.bias')


TABLE = Table(
    'tf',
    [*xception_rules(), *resnet_rules(), *head_rules()],
    [re.compile(p) for p in (r'Momentum', r'RMSProp', r'ExponentialMovingAverage', r'global_step')],
)


def read(path: Path) -> dict[str, Array]:
    """Read every variable of a TF checkpoint prefix, or every array of an ``.npz``.

    Raises:
        UserError: Nothing is there, or TensorFlow is needed and not installed.
    """
    if path.suffix == '.npz':
        if not path.is_file():
            raise UserError(f'no such file: {path}')
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    if path.suffix in ('.index', '.meta') or '.data-' in path.name:
        path = path.with_suffix('')
    if not path.with_name(path.name + '.index').is_file() and not path.is_file():
        raise UserError(
            f'no TF checkpoint at {path}: give the prefix, e.g. DIR/model.ckpt for '
            'DIR/model.ckpt.index and DIR/model.ckpt.data-00000-of-00001, or an .npz'
        )
    try:
        from tensorflow import train
    except ImportError as error:
        raise UserError(
            'reading a TF checkpoint needs TensorFlow: pip install tensorflow-cpu (the extra "tf") '
            '(or save its variables to an .npz where TensorFlow is at hand)'
        ) from error
    reader = train.load_checkpoint(str(path))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
