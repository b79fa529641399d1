# torchvision's deeplabv3_resnet101: output stride 8 without multi-grid, a 3x3 convolution behind
# ASPP. 67.4 mIoU on COCO's val2017 with VOC's classes; deeplabv3_resnet50, which has
# backbone.depth=50, has 66.4. smp's DeepLabV3 is this, but a block that loses its stride dilates at
# once (backbone.style='smp'), and corners are aligned.
_base_ = './deeplabv3_r101_voc.py'
model = dict(
    backbone=dict(output_stride=8, multi_grid=(1, 1, 1)),
    neck=dict(rates=(12, 24, 36), num_convs=1, dropout=0.5),
    decode_head=dict(align_corners=False),
)
published = dict(mIoU=None)
