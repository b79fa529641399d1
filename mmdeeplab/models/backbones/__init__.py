"""Backbones: an image in, a tuple of maps of growing stride out."""

from mmdeeplab.models.backbones.mobilenet_v2 import MobileNetV2
from mmdeeplab.models.backbones.mobilenet_v3 import MobileNetV3
from mmdeeplab.models.backbones.resnet import AtrousResNet
from mmdeeplab.models.backbones.timm_backbone import TimmBackbone
from mmdeeplab.models.backbones.vgg import AtrousVGG16
from mmdeeplab.models.backbones.xception import Xception

__all__ = ['AtrousResNet', 'AtrousVGG16', 'MobileNetV2', 'MobileNetV3', 'TimmBackbone', 'Xception']
