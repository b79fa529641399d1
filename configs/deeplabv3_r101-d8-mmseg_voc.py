# For mmsegmentation's deeplabv3_r101-d8 checkpoints.
_base_ = './deeplabv3_r50-d8-mmseg_voc.py'
model = dict(backbone=dict(depth=101))
