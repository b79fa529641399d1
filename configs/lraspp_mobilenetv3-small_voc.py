# LR-ASPP on MobileNetV3-Small.
_base_ = './lraspp_mobilenetv3_voc.py'
model = dict(backbone=dict(variant='small'), decode_head=dict(in_channels=(88, 288)))
