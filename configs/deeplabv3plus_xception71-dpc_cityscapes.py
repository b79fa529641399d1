# DeepLabv3+ on Xception-71 with the dense prediction cell, Cityscapes: 80.31 mIoU from COCO on val.
_base_ = './deeplabv3plus_xception71_cityscapes.py'
neck = dict(
    _delete_=True,
    type='mmdeeplab.DensePredictionCellNeck',
    in_channels=2048,
    rates=((1, 6), (18, 15), (6, 3), (1, 1), (6, 21)),
    norm_cfg=dict(type='BN', eps=1e-5, momentum=3e-4),
)
model = dict(neck=neck)
published = dict(mIoU=80.31, iters=None, pretrained='COCO', source='deeplab/g3doc/model_zoo.md')
