# For mmsegmentation's deeplabv3plus_r50b-d8 checkpoints, whose stem is one 7x7 convolution.
_base_ = './deeplabv3plus_r50-d8-mmseg_voc.py'
model = dict(backbone=dict(stem='7x7'))
