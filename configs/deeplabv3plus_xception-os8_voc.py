# A variant in four lines: output stride 8, so the rates of ASPP double.
_base_ = './deeplabv3plus_xception_voc.py'
model = dict(backbone=dict(output_stride=8), neck=dict(rates=(12, 24, 36)))
published = dict(mIoU=None)
