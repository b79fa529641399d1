"""Convert mmsegmentation's DeepLabv3 and v3+ on ResNet-18, -50, -101 and MobileNetV2.

Names from `mmseg/models/backbones/{resnet,mobilenet_v2}.py` and
`mmseg/models/decode_heads/{aspp_head,sep_aspp_head,fcn_head}.py`. The auxiliary head is converted,
too: our configs for these checkpoints have it.
"""

import re
from collections.abc import Iterator, Mapping

from mmdeeplab.weights.converters.torch_layout import (
    conv,
    conv_norm,
    read_arrays,
    resnet_depth,
    resnet_rules,
)
from mmdeeplab.weights.table import Array, Fitting, Rule, Table, at

read = read_arrays
LICENCE = 'Apache-2.0'

# their ConvModules -> ours
SEPARABLE = r'\.(?P<part>depthwise_conv|pointwise_conv)'
HEAD = {
    r'image_pool\.1': 'neck.image_pooling',
    r'aspp_modules\.0': 'neck.pointwise',
    r'aspp_modules\.(?P<i>[1-9])': 'neck.atrous.{i-1}',
    r'aspp_modules\.(?P<i>[1-9])' + SEPARABLE: 'neck.atrous.{i-1}.{part}',
    'bottleneck': 'neck.projection',
    'c1_bottleneck': 'decode_head.stages.0.projection',
    r'sep_bottleneck\.(?P<i>\d)' + SEPARABLE: 'decode_head.stages.0.refine.{i}.{part}',
}


def resnet_v1_rules() -> Iterator[Rule]:
    """Rules of ResNet-50 and -101, with the 7x7 stem or the three convolutions of v1c."""
    yield from resnet_rules(r'backbone\.')
    for i in range(3):
        names = str(3 * i), str(3 * i + 1)
        yield from conv_norm(r'backbone\.stem\.', f'backbone.stem.{i}', *names)


def head_rules() -> Iterator[Rule]:
    """Rules of ASPP, decoder, classifier and auxiliary head."""
    for theirs, ours in HEAD.items():
        yield from conv_norm(rf'decode_head\.{theirs}\.', ours, 'conv', 'bn')
    yield from conv_norm(r'auxiliary_head\.convs\.0\.', 'auxiliary_head.convs.0', 'conv', 'bn')
    yield conv(r'(?P<head>decode_head|auxiliary_head)\.conv_seg', at('{head}.conv_seg'))


TABLE = Table('mmseg', [*resnet_v1_rules(), *head_rules()])
# ResNet-18 and MobileNetV2 stay mmsegmentation's own in our configs.
OWN = Rule(re.compile(r'backbone\..+'), lambda match: match[0])
OWN_TABLE = TABLE._replace(rules=[OWN, *head_rules()])

OWN_KEYS = {
    'mobilenetv2': 'backbone.layer1.0.conv.0.conv.weight',
    'r18': 'backbone.layer1.0.conv2.weight',
}
# What gives a backbone a stem of one 7x7 convolution: mmsegmentation's r50b, r101b and r18b.
PLAIN_STEM = {'r50': 'model.backbone.stem=7x7', 'r18': 'model.backbone.type=ResNet'}


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these arrays."""
    return TABLE if 'backbone.layer1.0.conv3.weight' in source else OWN_TABLE


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The config whose network this is, or None.

    Its output stride is 8: the arrays of the -d16-mg124 models have the same names and shapes.
    """
    depth = resnet_depth(source, r'backbone\.')
    names = {'r50': depth} | {name: key in source for name, key in OWN_KEYS.items()}
    backbone = next((name for name, present in names.items() if present), None)
    if backbone is None:
        return None
    options = [f'model.backbone.depth={depth}'] if depth not in (None, 50) else []
    if 'backbone.conv1.weight' in source:
        options.append(PLAIN_STEM['r50' if depth else 'r18'])
    plus = 'plus' if 'decode_head.c1_bottleneck.conv.weight' in source else ''
    return Fitting(f'deeplabv3{plus}_{backbone}-d8-mmseg_voc', tuple(options))
