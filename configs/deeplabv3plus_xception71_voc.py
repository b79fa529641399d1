# DeepLabv3+ on Xception-71, the backbone of the paper's Cityscapes result (79.55 mIoU on val).
_base_ = './deeplabv3plus_xception_voc.py'
model = dict(backbone=dict(depth=71))
published = dict(mIoU=None)
