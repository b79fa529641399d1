# DeepLabv3+ on ResNet-101, PASCAL Context, 60 classes, as mmsegmentation trains and evaluates it.
_base_ = './deeplabv3plus_r50-d8-mmseg_pascal-context.py'
model = dict(backbone=dict(depth=101))
published = dict(mIoU=47.23)
