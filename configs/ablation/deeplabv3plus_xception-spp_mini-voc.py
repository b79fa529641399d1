# The pooling pyramid in place of the atrous one.
_base_ = '../deeplabv3plus_xception_mini-voc.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='mmdeeplab.SPPNeck',
        in_channels=2048,
        channels=256,
        bins=(6, 3, 2, 1),
        norm_cfg=dict(type='BN', eps=1e-5, momentum=0.03),
    )
)
