"""Convert torchvision's DeepLabv3 and LR-ASPP, and its ImageNet ResNets and MobileNets.

Names from `models/segmentation/{deeplabv3,lraspp}.py`, `models/resnet.py`,
`models/mobilenetv{2,3}.py` and `ops/misc.py`.
"""

import re
from collections.abc import Iterator, Mapping

from mmdeeplab.weights.converters.torch_layout import (
    aspp_rules,
    conv,
    conv_norm,
    mobilenet_v2_rules,
    mobilenet_v3_rules,
    read_arrays,
    resnet_depth,
    resnet_rules,
)
from mmdeeplab.weights.table import Array, Fitting, Rule, Table, at

read = read_arrays
LICENCE = 'BSD-3-Clause'

AUXILIARY = {'tensors of the auxiliary head': re.compile(r'^aux_classifier\.')}
IMAGENET = {'tensors of the ImageNet classifier': re.compile(r'^(fc|classifier)\.')}


def deeplab_rules() -> Iterator[Rule]:
    """Rules of ASPP, the 3x3 convolution behind it, and the classifier."""
    yield from aspp_rules(r'classifier\.0\.')
    yield from conv_norm(r'classifier\.', 'neck.refine.0', '1', '2')
    yield conv(r'classifier\.4', at('decode_head.conv_seg'))


def lraspp_rules() -> Iterator[Rule]:
    """Rules of the head of LR-ASPP."""
    yield from conv_norm(r'classifier\.cbr\.', 'decode_head.pointwise')
    yield conv(r'classifier\.scale\.1', at('decode_head.gate'))
    yield conv(r'classifier\.low_classifier', at('decode_head.low_level'))
    yield conv(r'classifier\.high_classifier', at('decode_head.conv_seg'))


def model_table(name: str, *rules: Iterator[Rule]) -> Table:
    """A table for a whole model."""
    return Table(name, [rule for part in rules for rule in part], AUXILIARY)


def backbone_table(name: str, rules: Iterator[Rule]) -> Table:
    """A table for a classifier for ImageNet, which fills the backbone."""
    return Table(name, list(rules), IMAGENET, part='backbone')


DEEPLAB_RESNET = model_table(
    'torchvision, DeepLabv3 on ResNet', resnet_rules(r'backbone\.'), deeplab_rules()
)
DEEPLAB_MOBILENET = model_table(
    'torchvision, DeepLabv3 on MobileNetV3', mobilenet_v3_rules(r'backbone\.'), deeplab_rules()
)
LRASPP = model_table(
    'torchvision, LR-ASPP on MobileNetV3', mobilenet_v3_rules(r'backbone\.'), lraspp_rules()
)
RESNET = backbone_table('torchvision, ImageNet ResNet', resnet_rules(''))
MOBILENET_V2 = backbone_table(
    'torchvision, ImageNet MobileNetV2', mobilenet_v2_rules(r'features\.')
)
MOBILENET_V3 = backbone_table(
    'torchvision, ImageNet MobileNetV3', mobilenet_v3_rules(r'features\.')
)
# Our configs for a ResNet of either depth.
DEEPLAB_R101, ON_RESNET = 'deeplabv3_r101-torchvision_voc', 'deeplabv3_r{depth}_voc'
# A name that only this network has -> its table and our config; the first that is there decides.
NETWORKS = {
    'classifier.cbr.0.weight': (LRASPP, 'lraspp_mobilenetv3-torchvision_voc'),
    'backbone.4.block.0.0.weight': (DEEPLAB_MOBILENET, 'deeplabv3_mobilenetv3-torchvision_voc'),
    'backbone.conv1.weight': (DEEPLAB_RESNET, DEEPLAB_R101),
    'features.2.conv.0.0.weight': (MOBILENET_V2, 'deeplabv3_mobilenetv2-smp_voc'),
    'features.15.block.0.0.weight': (MOBILENET_V3, 'deeplabv3_mobilenetv3-torchvision_voc'),
    'conv1.weight': (RESNET, ON_RESNET),
}


def network(source: Mapping[str, Array]) -> tuple[Table, str]:
    """The table and the config of these arrays; those of DeepLabv3 on ResNet if none fits."""
    return next((NETWORKS[name] for name in NETWORKS if name in source), (DEEPLAB_RESNET, ''))


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these arrays."""
    return network(source)[0]


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The config whose network this is, or None."""
    _, config = network(source)
    depth = resnet_depth(source) or resnet_depth(source, r'backbone\.')
    if not config or (depth is None and config in (DEEPLAB_R101, ON_RESNET)):
        return None
    other = config == DEEPLAB_R101 and depth != 101
    return Fitting(config.format(depth=depth), (f'model.backbone.depth={depth}',) if other else ())
