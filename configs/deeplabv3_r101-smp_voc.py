# segmentation_models_pytorch's DeepLabV3 on resnet101: a block that loses its stride dilates at
# once, a 3x3 convolution behind ASPP. No published number.
_base_ = './deeplabv3_r101_voc.py'
model = dict(
    backbone=dict(output_stride=8, multi_grid=(1, 1, 1), style='smp'),
    neck=dict(rates=(12, 24, 36), num_convs=1, dropout=0.5),
)
published = dict(mIoU=None)
