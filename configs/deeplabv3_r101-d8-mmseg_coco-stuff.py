# DeepLabv3 on ResNet-101, COCO-Stuff 164k, as mmsegmentation trains and evaluates it.
_base_ = './deeplabv3_r50-d8-mmseg_coco-stuff.py'
model = dict(backbone=dict(depth=101))
published = dict(mIoU=41.82)
