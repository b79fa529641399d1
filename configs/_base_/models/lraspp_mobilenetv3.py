# LR-ASPP on MobileNetV3: no neck; the head gates the last map and adds the stride-8 one
# (arXiv 1905.02244, section 6.4). The gate averages over the whole map, as TF does at crop size.
_base_ = './deeplabv3_mobilenetv2.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdeeplab.MobileNetV3',
        variant='large',
        output_stride=16,
        norm_cfg=dict(type='BN', eps=1e-3, momentum=3e-3),
        norm_eval=False,
    ),
    neck=None,
    decode_head=dict(
        _delete_=True,
        type='mmdeeplab.LRASPPHead',
        in_channels=(120, 480),
        in_index=(1, -1),
        channels=128,
        num_classes=21,
        norm_cfg=dict(type='BN', eps=1e-5, momentum=3e-4),
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
