# DeepLabv3's cascade: blocks 5 to 7 like block 4 at growing rates, no ASPP; lr 0.007, batch 16, wd
# 1e-4: the paper's 76.66 mIoU on VOC val (78.05 evaluated at output stride 8).
_base_ = './deeplabv3_r101-beta_voc.py'
model = dict(
    backbone=dict(blocks=7, multi_grid=(1, 2, 1)),
    neck=None,
    decode_head=dict(in_channels=2048, channels=2048),
)
published = dict(mIoU=76.66)
