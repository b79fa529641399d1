# DeepLabv3, ResNet-50 with torchvision's stem and stride; no published number at this setting.
_base_ = './deeplabv3_r101_voc.py'
model = dict(backbone=dict(depth=50))
published = dict(mIoU=None)
