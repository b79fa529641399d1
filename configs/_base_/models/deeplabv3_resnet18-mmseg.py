# DeepLabv3 on mmsegmentation's own ResNet-18 with basic blocks, whose second convolution it never
# dilates: a network that output stride as arithmetic does not give.
_base_ = './deeplabv3_resnet-mmseg.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNetV1c',
        depth=18,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        norm_cfg=dict(type='BN', eps=1e-5, momentum=0.1),
    ),
    neck=dict(in_channels=512, channels=128),
    decode_head=dict(in_channels=128, channels=128),
    auxiliary_head=dict(in_channels=256, channels=64),
)
