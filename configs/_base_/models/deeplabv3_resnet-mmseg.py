# DeepLabv3 as mmsegmentation's checkpoints have it: a stem of 32/32/64, output stride 8, 512
# channels, a 3x3 projection, dropout before the classifier, half-pixel resizing, an auxiliary head.
_base_ = './deeplabv3_resnet.py'
norm = dict(type='BN', eps=1e-5, momentum=0.1)
model = dict(
    backbone=dict(output_stride=8, multi_grid=(1, 1, 1), stem='v1c', norm_cfg=norm),
    neck=dict(channels=512, rates=(12, 24, 36), projection_kernel=3, dropout=0, norm_cfg=norm),
    decode_head=dict(in_channels=512, channels=512, dropout_ratio=0.1, align_corners=False),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg=norm,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
    ),
)
