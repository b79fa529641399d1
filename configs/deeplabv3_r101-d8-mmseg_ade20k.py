# DeepLabv3 on ResNet-101, ADE20K, as mmsegmentation trains and evaluates it.
_base_ = './deeplabv3_r50-d8-mmseg_ade20k.py'
model = dict(backbone=dict(depth=101))
published = dict(mIoU=45.0)
