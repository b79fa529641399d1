"""Convert TensorFlow's original (`research/deeplab`): checkpoints, frozen graphs, or ``.npz``.

Names from `deeplab/core/xception.py`, `deeplab/core/resnet_v1_beta.py`, `deeplab/model.py` and
`slim`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular
from mmdeeplab.weights.converters.tf_layout import biased, scope
from mmdeeplab.weights.converters.tf_mobilenet import CLASSIFICATION, lraspp_rules, mobilenet_rules
from mmdeeplab.weights.readers.npz import read_npz
from mmdeeplab.weights.readers.tf_bundle import read_bundle
from mmdeeplab.weights.readers.tf_graph_def import read_graph
from mmdeeplab.weights.table import Array, Fitting, Rule, Table, at

LICENCE = 'Apache-2.0'

UNIT = r'xception_\d+/{}/xception_module/'
FLOWS = {
    'entry_flow.{b-1}': r'entry_flow/block(?P<b>\d+)/unit_1',
    'middle_flow.{u-1}': r'middle_flow/block1/unit_(?P<u>\d+)',
    'exit_flow.{b-1}': r'exit_flow/block(?P<b>\d+)/unit_1',
}


def xception_rules() -> Iterator[Rule]:
    """Rules of Xception: stem, and separable convolutions and shortcuts of every unit."""
    yield from scope(r'xception_\d+/entry_flow/conv1_(?P<i>\d)', at('backbone.stem.{i-1}'))
    for ours, theirs in FLOWS.items():
        unit = UNIT.format(theirs)
        yield from scope(
            unit + r'separable_conv(?P<j>\d)_(?P<part>depthwise|pointwise)',
            at(f'backbone.{ours}.sep{{j}}.{{part}}_conv'),
        )
        yield from scope(unit + 'shortcut', at(f'backbone.{ours}.shortcut'))


def resnet_rules() -> Iterator[Rule]:
    """Rules of ResNet, plain or beta; both have the scope `resnet_v1_{depth}`."""
    yield from scope(r'resnet_v1_\d+/conv1', at('backbone.stem.0'))
    yield from scope(r'resnet_v1_\d+/conv1_(?P<i>\d)', at('backbone.stem.{i-1}'))
    yield from scope(
        r'resnet_v1_\d+/block(?P<b>\d)/unit_(?P<u>\d+)/bottleneck_v1/(?P<part>conv\d|shortcut)',
        at('backbone.block{b}.{u-1}.{part}'),
    )


def head_rules() -> Iterator[Rule]:
    """Rules of ASPP or dense prediction cell, the stages of the decoder, and the classifier."""
    yield from scope('image_pooling', at('neck.image_pooling'))
    yield from scope('aspp0', at('neck.pointwise'))
    yield from scope(r'aspp(?P<i>[1-9])', at('neck.atrous.{i-1}'))
    yield from scope(
        r'aspp(?P<i>[1-9])_(?P<part>depthwise|pointwise)', at('neck.atrous.{i-1}.{part}_conv')
    )
    yield from scope('(?:meta_architecture/)?concat_projection', at('neck.projection'))
    yield from scope(  # the dense prediction cell
        r'meta_architecture/branch(?P<i>\d)_(?P<part>depthwise|pointwise)',
        at('neck.branches.{i}.{part}_conv'),
    )
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
    yield from biased('logits/semantic', at('decode_head.conv_seg'))


IGNORED = {
    'variables of the optimiser': re.compile(
        r'Momentum|RMSProp|ExponentialMovingAverage|global_step'
    ),
    "variables of ImageNet's classifier": CLASSIFICATION,
}
RULES = [*xception_rules(), *resnet_rules(), *mobilenet_rules(), *head_rules()]
TABLE = Table('tf', RULES, IGNORED)
LRASPP_TABLE = Table('tf, LR-ASPP', [*mobilenet_rules(), *lraspp_rules()], IGNORED)


# the stem's kernel and its channels -> config without and with a decoder
XCEPTION_STEM = 'xception_{}/entry_flow/conv1_1/weights'
CONFIGS = {
    (XCEPTION_STEM.format(41), 32): (None, 'deeplabv3plus_xception41_voc'),
    (XCEPTION_STEM.format(65), 32): ('deeplabv3_xception_voc', 'deeplabv3plus_xception_voc'),
    (XCEPTION_STEM.format(71), 32): (None, 'deeplabv3plus_xception71_voc'),
    ('resnet_v1_50/conv1_1/weights', 64): ('deeplabv3_r50-beta-os8_voc', None),
    ('resnet_v1_101/conv1_1/weights', 64): (
        'deeplabv3_r101-beta_voc',
        'deeplabv3plus_r101-beta_voc',
    ),
    ('MobilenetV2/Conv/weights', 32): (
        'deeplabv3_mobilenetv2_voc',
        'deeplabv3plus_mobilenetv2_voc',
    ),
    ('MobilenetV2/Conv/weights', 16): ('deeplabv3_mobilenetv2-dm05_voc', None),
}


CELL = 'meta_architecture/branch0_depthwise/depthwise_weights'


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these variables.

    LR-ASPP is recognised by biases where ASPP has norms. Checkpoints for ImageNet have neither, and
    fill the backbone only.
    """
    if 'image_pooling/biases' in source:
        return LRASPP_TABLE
    segments = 'logits/semantic/weights' in source
    return TABLE if segments else TABLE._replace(part='backbone')


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The config whose network this is, or None.

    The variables do not tell multi-grid, rates and output stride.
    """
    large = 'MobilenetV3/expanded_conv_14/project/weights' in source
    if 'image_pooling/biases' in source:
        return Fitting(f'lraspp_mobilenetv3{"" if large else "-small"}_voc')
    if CELL in source:
        return Fitting('deeplabv3plus_xception71-dpc_cityscapes')
    plain, plus = next(
        (
            configs
            for (stem, channels), configs in CONFIGS.items()
            if stem in source and source[stem].shape[-1:] == (channels,)
        ),
        (None, None),
    )
    if table_for(source).part == 'backbone':
        config = plus or plain
    else:
        config = plus if 'decoder/feature_projection0/weights' in source else plain
    return Fitting(config) if config else None


def read(path: Path) -> dict[str, Array]:
    """Read all variables of a checkpoint (given by its prefix), a frozen graph, or an ``.npz``.

    TensorFlow is needed only for checkpoints in its first format, which are a single file.

    Raises:
        UserError: The file is missing or damaged, or TensorFlow is needed and not installed.
    """
    if path.suffix in ('.npz', '.pb') and not is_regular(path):
        raise UserError(f'no such file: {path}')
    if path.suffix == '.pb':
        return read_graph(path)
    if path.suffix == '.npz':
        return read_npz(path)
    if path.suffix in ('.index', '.meta') or '.data-' in path.name:
        path = path.with_suffix('')
    if path.with_name(f'{path.name}.index').is_file():
        return read_bundle(path)
    if not is_regular(path):
        raise UserError(
            f'no TF checkpoint at {path}: give the prefix, e.g. DIR/model.ckpt for '
            'DIR/model.ckpt.index and DIR/model.ckpt.data-00000-of-00001, or a .pb or .npz'
        )
    return read_first_format(path)


def read_first_format(path: Path) -> dict[str, Array]:
    """Read a checkpoint in the format before 2017 by TensorFlow's own reader."""
    try:
        from tensorflow import train
    except ImportError as error:
        raise UserError(
            'reading a TF checkpoint of this old format needs TensorFlow: pip install '
            'tensorflow-cpu (the extra "tf") (or save its variables to an .npz where TensorFlow is '
            'at hand)'
        ) from error
    reader = train.load_checkpoint(str(path))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
