"""Rules of TensorFlow's MobileNetV2 and V3, and of V3's LR-ASPP head.

Names from `research/slim/nets/mobilenet/{mobilenet,conv_blocks}.py` and `deeplab/model.py`.
"""

import re
from collections.abc import Iterator

from mmdeeplab.weights.converters.tf_layout import biased, scope
from mmdeeplab.weights.table import Rule, at

# What checkpoints of ImageNet have behind the backbone.
CLASSIFICATION = re.compile(
    r'^(xception_\d+|resnet_v1_\d+)/logits/|MobilenetV2/(Conv_1|Logits)/|MobilenetV3/(Conv_2|Logits)/'
)

NET = r'MobilenetV[23]/'
BLOCK = NET + r'expanded_conv(?:_(?P<i>\d+))?/'  # the first one bears no number


def mobilenet_rules() -> Iterator[Rule]:
    """Rules of the backbones: stem, blocks, squeeze-excite and V3's last convolution."""
    yield from scope(NET + 'Conv', at('backbone.stem'))
    yield from scope(BLOCK + '(?P<part>expand|depthwise|project)', at('backbone.blocks.{i}.{part}'))
    squeeze_excite = BLOCK + 'squeeze_excite/'
    yield from biased(squeeze_excite + 'Conv', at('backbone.blocks.{i}.squeeze_excite.squeeze'))
    yield from biased(squeeze_excite + 'Conv_1', at('backbone.blocks.{i}.squeeze_excite.excite'))
    yield from scope('MobilenetV3/Conv_1', at('backbone.last'))


def lraspp_rules() -> Iterator[Rule]:
    """Rules of LR-ASPP, whose scopes are those of ASPP and decoder, but with other meanings."""
    yield from scope('aspp0', at('decode_head.pointwise'))
    yield from biased('image_pooling', at('decode_head.gate'))
    yield from biased('decoder/feature_projection0', at('decode_head.low_level'))
    yield from biased('decoder/decoder_conv0', at('decode_head.conv_seg'))
