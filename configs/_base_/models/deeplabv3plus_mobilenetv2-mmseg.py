# DeepLabv3+ on mmsegmentation's own MobileNetV2, which dilates only the first block of a stage and
# taps block outputs: a network that output stride as arithmetic does not give.
_base_ = './deeplabv3plus_resnet-mmseg.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4),
        out_indices=(1, 2, 4, 6),
        norm_cfg=dict(type='BN', eps=1e-5, momentum=0.1),
    ),
    neck=dict(in_channels=320),
    decode_head=dict(in_channels=(24, 512)),
    auxiliary_head=dict(in_channels=96),
)
