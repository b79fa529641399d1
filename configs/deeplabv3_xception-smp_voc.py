# segmentation_models_pytorch's DeepLabV3 on tu-xception65: plain ASPP, a 3x3 convolution behind it.
# No published number.
_base_ = './deeplabv3_xception_voc.py'
model = dict(
    backbone=dict(output_stride=8),
    neck=dict(rates=(12, 24, 36), separable=False, num_convs=1, dropout=0.5),
)
