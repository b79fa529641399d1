"""Convert Hugging Face's MobileNetV2 for segmentation (`google/deeplabv3_mobilenet_v2_1.0_513`).

It was converted from TF's checkpoint itself and computes the same: TF's padding, strides and rates,
epsilon 1e-3 in the backbone and 1e-5 in the head. Names from
`transformers/models/mobilenet_v2/modeling_mobilenet_v2.py`.
"""

import re
from collections.abc import Iterator, Mapping

from mmdeeplab.weights.converters.torch_layout import conv, conv_norm, read_arrays
from mmdeeplab.weights.table import Array, Fitting, Rule, Table, at

read = read_arrays
LICENCE = 'Apache-2.0'

LAYER, BLOCK = r'layer\.(?P<i>\d+)\.', 'backbone.blocks.{i+1}'
# their layers -> our ConvModules; their stem holds our first block
MODULES = {
    r'mobilenet_v2\.conv_stem\.first_conv': 'backbone.stem',
    r'mobilenet_v2\.conv_stem\.conv_3x3': 'backbone.blocks.0.depthwise',
    r'mobilenet_v2\.conv_stem\.reduce_1x1': 'backbone.blocks.0.project',
    rf'mobilenet_v2\.{LAYER}expand_1x1': f'{BLOCK}.expand',
    rf'mobilenet_v2\.{LAYER}conv_3x3': f'{BLOCK}.depthwise',
    rf'mobilenet_v2\.{LAYER}reduce_1x1': f'{BLOCK}.project',
    r'segmentation_head\.conv_pool': 'neck.image_pooling',
    r'segmentation_head\.conv_aspp': 'neck.pointwise',
    r'segmentation_head\.conv_projection': 'neck.projection',
}


def rules() -> Iterator[Rule]:
    """Rules of the network's backbone, head and classifier."""
    for theirs, ours in MODULES.items():
        yield from conv_norm(rf'{theirs}\.', ours, 'convolution', 'normalization')
    yield conv(r'segmentation_head\.classifier\.convolution', at('decode_head.conv_seg'))


IGNORED = {
    'tensors of the last convolution, which segmentation does not use': re.compile(
        r'^mobilenet_v2\.conv_1x1\.'
    ),
    'tensors of the ImageNet classifier': re.compile(r'^classifier\.'),
}
TABLE = Table('hf', [*rules()], IGNORED)


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these arrays; those of ImageNet fill the backbone only."""
    segments = any(name.startswith('segmentation_head.') for name in source)
    return TABLE if segments else TABLE._replace(part='backbone')


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The config whose network this is, or None."""
    stem = source.get('mobilenet_v2.conv_stem.first_conv.convolution.weight')
    return (
        Fitting('deeplabv3_mobilenetv2_voc')
        if stem is not None and stem.shape[:1] == (32,)
        else None
    )
