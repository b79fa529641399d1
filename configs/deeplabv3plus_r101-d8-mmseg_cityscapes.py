# DeepLabv3+ on ResNet-101, Cityscapes, as mmsegmentation trains and evaluates it.
_base_ = './deeplabv3plus_r50-d8-mmseg_cityscapes.py'
model = dict(backbone=dict(depth=101))
published = dict(mIoU=80.97)
