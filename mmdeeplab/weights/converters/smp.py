"""Convert DeepLabV3 and DeepLabV3Plus of segmentation_models_pytorch, for encoders that we have.

Names from `decoders/deeplabv3/{model,decoder}.py` and `encoders/`: `resnet50`, `resnet101` and
`mobilenet_v2` (torchvision's), `tu-xception65` and `tu-xception71` (timm's).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters.timm import xception_depth, xception_rules
from mmdeeplab.weights.converters.torch_layout import (
    aspp_rules,
    conv,
    conv_norm,
    mobilenet_v2_rules,
    read_arrays,
    resnet_depth,
    resnet_rules,
    separable,
)
from mmdeeplab.weights.table import Array, Fitting, Rule, Table, at

LICENCE = 'unknown'  # its users' weights; none for DeepLab are published
NAMES_CLASSES = False  # there is no data set whose names could be told from their number

TIMM = dict(prefix=r'encoder\.model\.', dot='_')
ENCODERS = 'resnet50, resnet101, mobilenet_v2, tu-xception65, tu-xception71'
IGNORED = {'tensors of the classifier of whole images': re.compile(r'^classification_head\.')}

# Our encoder -> the config nearest to smp's network on it, and what it takes to be that network.
SHALLOW, DEEPER = 'model.backbone.depth=50', 'model.backbone.depth=71'
# A block that loses its stride dilates at once.
V3_RESNET = ('model.backbone.style=smp', 'model.decode_head.align_corners=True')
# Plain ASPP, and a 3x3 convolution behind it.
V3_XCEPTION = (
    'model.backbone.output_stride=8',
    'model.neck.rates=12,24,36',
    'model.neck.separable=False',
    'model.neck.num_convs=1',
    'model.neck.dropout=0.5',
)
V3 = {
    'r50': ('deeplabv3_r101-torchvision_voc', (SHALLOW, *V3_RESNET)),
    'r101': ('deeplabv3_r101-torchvision_voc', V3_RESNET),
    'mobilenetv2': ('deeplabv3_mobilenetv2-smp_voc', ()),
    'xception': ('deeplabv3_xception_voc', V3_XCEPTION),
    'xception71': ('deeplabv3_xception_voc', (DEEPER, *V3_XCEPTION)),
}
V3PLUS = {
    'r50': ('deeplabv3plus_r101-smp_voc', (SHALLOW,)),
    'r101': ('deeplabv3plus_r101-smp_voc', ()),
    'mobilenetv2': ('deeplabv3plus_mobilenetv2-smp_voc', ()),
    'xception': ('deeplabv3plus_xception-smp_voc', ()),
    'xception71': ('deeplabv3plus_xception-smp_voc', (DEEPER,)),
}


def v3_rules() -> Iterator[Rule]:
    """Rules of DeepLabV3: plain ASPP and a 3x3 convolution; older files number these parts."""
    yield from aspp_rules(r'decoder\.(?:aspp|0)\.')
    yield from conv_norm(r'decoder\.', 'neck.refine.0', '(?:conv|1)', '(?:bn|2)')


def v3plus_rules() -> Iterator[Rule]:
    """Rules of DeepLabV3Plus: ASPP, a convolution behind it, a decoder with one; all separable."""
    yield from aspp_rules(r'decoder\.aspp\.0\.', split=True)
    yield from separable(r'decoder\.aspp\.1\.', r'decoder\.aspp\.2', 'neck.refine.0')
    yield from conv_norm(r'decoder\.block1\.', 'decode_head.stages.0.projection')
    refined = 'decode_head.stages.0.refine.0'
    yield from separable(r'decoder\.block2\.0\.', r'decoder\.block2\.1', refined)


def encoder(source: Mapping[str, Array]) -> tuple[str, Iterator[Rule]]:
    """Our name of the encoder in these arrays, and its rules.

    Raises:
        UserError: It is an encoder that we do not have.
    """
    if depth := resnet_depth(source, r'encoder\.'):
        return f'r{depth}', resnet_rules(r'encoder\.')
    if (depth := xception_depth(source, **TIMM)) in (65, 71):
        return f'xception{"" if depth == 65 else depth}', xception_rules(depth, **TIMM)
    if 'encoder.features.18.0.weight' in source:
        return 'mobilenetv2', mobilenet_v2_rules(r'encoder\.features\.')
    raise UserError(f'the encoder of these weights is none of {ENCODERS}')


def is_plus(source: Mapping[str, Array]) -> bool:
    """Whether there is the decoder of DeepLabv3+."""
    return 'decoder.block1.0.weight' in source


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these arrays."""
    name, backbone = encoder(source)
    plus = is_plus(source)
    head = conv(r'segmentation_head\.0', at('decode_head.conv_seg'))
    rules = [*backbone, *(v3plus_rules() if plus else v3_rules()), head]
    return Table(f'smp, DeepLabV3{"Plus" * plus} on {name}', rules, IGNORED)


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The config whose network this is."""
    plus, name = is_plus(source), encoder(source)[0]
    return Fitting(*(V3PLUS if plus else V3)[name])


def complete_shortcut(source: dict[str, Array]) -> dict[str, Array]:
    """Add the shortcut convolution that timm's Xception-71 at output stride 8 does not have.

    timm builds no convolution if a removed stride makes the shapes of input and output equal. An
    identity convolution, with a norm that does nothing, computes the same.
    """
    shortcut = 'encoder.model.blocks_4.shortcut'
    if xception_depth(source, **TIMM) != 71 or f'{shortcut}.conv.weight' in source:
        return source
    zeros, ones = np.zeros(728, np.float32), np.ones(728, np.float32)
    return source | {
        f'{shortcut}.conv.weight': np.eye(728, dtype=np.float32)[..., None, None],
        f'{shortcut}.bn.weight': ones,
        f'{shortcut}.bn.bias': zeros,
        f'{shortcut}.bn.running_mean': zeros,
        f'{shortcut}.bn.running_var': (1 - 1e-3) * ones,
    }


def read(path: Path, trust: bool = False) -> dict[str, Array]:
    """Read a state dict, and add a missing shortcut of Xception-71 (:func:`complete_shortcut`)."""
    return complete_shortcut(read_arrays(path, trust))
