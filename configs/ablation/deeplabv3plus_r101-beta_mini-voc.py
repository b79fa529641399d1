# ResNet-101 with the stem and the multi-grid of the paper's table; decoder and ASPP as in the base.
_base_ = '../deeplabv3plus_xception_mini-voc.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdeeplab.AtrousResNet',
        depth=101,
        output_stride=16,
        multi_grid=(1, 2, 4),
        stem='beta',
        style='tf',
        taps='conv3',
        norm_cfg=dict(type='BN', eps=1e-5, momentum=0.03),
    )
)
