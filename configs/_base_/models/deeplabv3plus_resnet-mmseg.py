# DeepLabv3+ as mmsegmentation's checkpoints have it.
_base_ = './deeplabv3_resnet-mmseg.py'
model = dict(
    neck=dict(separable=True),
    decode_head=dict(
        _delete_=True,
        type='mmdeeplab.DeepLabV3PlusHead',
        in_channels=(256, 512),
        in_index=(0, -1),
        channels=512,
        low_level_channels=48,
        num_convs=2,
        separable=True,
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg=dict(type='BN', eps=1e-5, momentum=0.1),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
