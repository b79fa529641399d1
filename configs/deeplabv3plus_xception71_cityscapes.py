# DeepLabv3+ on Xception-71, Cityscapes. The paper's 79.55 mIoU is without image pooling.
_base_ = './deeplabv3plus_xception_cityscapes.py'
model = dict(backbone=dict(depth=71))
published = dict(mIoU=None)
