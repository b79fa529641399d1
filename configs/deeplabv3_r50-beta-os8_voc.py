# DeepLabv3, TF's ResNet-50, output stride 8, so the rates of ASPP double; no published number.
_base_ = './deeplabv3_r101-beta_voc.py'
model = dict(backbone=dict(depth=50, output_stride=8), neck=dict(rates=(12, 24, 36)))
published = dict(mIoU=None)
