# DeepLabv3 on MobileNetV2: image pooling and a 1x1 convolution, no atrous branches, no decoder
# (arXiv 1801.04381, section 6.3).
_base_ = './deeplabv3_xception.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdeeplab.MobileNetV2',
        depth_multiplier=1.0,
        output_stride=16,
        norm_cfg=dict(type='BN', eps=1e-3, momentum=3e-3),
        norm_eval=False,
    ),
    neck=dict(in_channels=320, rates=()),
)
