"""What the page calls a network, from its config."""

import pytest
from mmengine.config import Config
from places import ROOT

pytest.importorskip('uvicorn', reason="needs the extra 'serve'")

from mmdeeplab.config.protocols import network_of
from mmdeeplab.serve.card import backbone, version


@pytest.mark.parametrize(
    ('config', 'title'),
    [
        ('deeplabv1_vgg16_voc', 'DeepLabv1 on VGG-16'),
        ('deeplabv2_vgg16_voc', 'DeepLabv2 on VGG-16'),
        ('deeplabv2_r101_voc', 'DeepLabv2 on ResNet-101'),
        ('deeplabv3_r50_voc', 'DeepLabv3 on ResNet-50'),
        ('deeplabv3_mobilenetv2-coral_voc', 'DeepLabv3 on MobileNetV2'),
        ('deeplabv3plus_xception_voc', 'DeepLabv3+ on Xception-65'),
        ('lraspp_mobilenetv3_voc', 'LR-ASPP on MobileNetV3'),
    ],
)
def test_the_title_is_version_and_backbone(config: str, title: str) -> None:
    model = network_of(Config.fromfile(ROOT / f'configs/{config}.py'))
    assert f'{version(model)} on {backbone(model.backbone)}' == title
