# LR-ASPP on MobileNetV3-Small, Cityscapes. Its published figures are of another schedule.
_base_ = './lraspp_mobilenetv3_cityscapes.py'
model = dict(backbone=dict(variant='small'), decode_head=dict(in_channels=(88, 288)))
