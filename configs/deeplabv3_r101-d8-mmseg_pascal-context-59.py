# DeepLabv3 on ResNet-101, PASCAL Context, 59 classes, as mmsegmentation trains and evaluates it.
_base_ = './deeplabv3_r50-d8-mmseg_pascal-context-59.py'
model = dict(backbone=dict(depth=101))
published = dict(mIoU=52.46)
