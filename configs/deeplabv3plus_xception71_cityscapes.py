# DeepLabv3+ on Xception-71, Cityscapes, without image pooling: 79.55 mIoU on val.
_base_ = './deeplabv3plus_xception_cityscapes.py'
model = dict(backbone=dict(depth=71), neck=dict(image_pooling=False))
published = dict(mIoU=79.55)
