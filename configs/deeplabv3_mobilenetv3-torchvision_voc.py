# torchvision's deeplabv3_mobilenet_v3_large: the whole last stage, symmetric padding, and at output
# stride 16 the rates of 8. 60.3 mIoU on COCO's val2017 with VOC's classes.
_base_ = './deeplabv3_mobilenetv2_voc.py'
v3 = dict(type='mmdeeplab.MobileNetV3', variant='large-full', style='torchvision', taps='first')
model = dict(
    data_preprocessor=dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
    backbone=dict(_delete_=True, **v3),
    neck=dict(in_channels=960, rates=(12, 24, 36), separable=False, num_convs=1, dropout=0.5),
    decode_head=dict(align_corners=False),
)
published = dict(mIoU=None)
