# segmentation_models_pytorch's DeepLabV3 on mobilenet_v2: symmetric padding, the last convolution
# kept, ASPP whole and with a 3x3 convolution behind it. No published number.
_base_ = './deeplabv3_mobilenetv2_voc.py'
model = dict(
    data_preprocessor=dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
    backbone=dict(
        last_channels=1280, style='torchvision', output_stride=8, norm_cfg=dict(eps=1e-5)
    ),
    neck=dict(in_channels=1280, rates=(12, 24, 36), separable=False, num_convs=1, dropout=0.5),
)
published = dict(mIoU=None)
