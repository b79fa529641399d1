# DeepLabv3 on MobileNetV2 and a decoder over the stride-4 map, as published for ADE20K.
_base_ = './deeplabv3_mobilenetv2.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='mmdeeplab.DeepLabV3PlusHead',
        in_channels=(144, 256),
        in_index=(0, -1),
        channels=256,
        low_level_channels=48,
        num_convs=2,
        separable=True,
        num_classes=21,
        norm_cfg=dict(type='BN', eps=1e-5, momentum=3e-4),
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    )
)
