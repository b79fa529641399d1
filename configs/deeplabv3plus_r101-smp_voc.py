# segmentation_models_pytorch's DeepLabV3Plus on resnet101; with backbone.depth=50 on resnet50. A
# block that loses its stride dilates at once, ASPP has the rates of output stride 8, one more 3x3
# convolution before the decoder and one less in it, none with BN between its two parts. No
# published number.
_base_ = './deeplabv3plus_r101_voc.py'
model = dict(
    backbone=dict(multi_grid=(1, 1, 1), style='smp'),
    neck=dict(rates=(12, 24, 36), separable='bare', num_convs=1, dropout=0.5),
    decode_head=dict(num_convs=1, separable='bare'),
)
published = dict(mIoU=None)
