# For mmsegmentation's deeplabv3plus_r101-d8 checkpoints.
_base_ = './deeplabv3plus_r50-d8-mmseg_voc.py'
model = dict(backbone=dict(depth=101))
