# For mmsegmentation's deeplabv3plus_r101-d16-mg124 checkpoints. Its multi-grid (1, 2, 4) stands in
# the place of block 4's rate instead of multiplying it: rates 1, 2, 4, where ours says (1, 1, 2).
_base_ = './deeplabv3plus_r101-d8-mmseg_voc.py'
model = dict(backbone=dict(output_stride=16, multi_grid=(1, 1, 2)), neck=dict(rates=(6, 12, 18)))
