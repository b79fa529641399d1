# DeepLabv3+ on Xception-41, the smallest published one.
_base_ = './deeplabv3plus_xception_voc.py'
model = dict(backbone=dict(depth=41))
published = dict(mIoU=None)
