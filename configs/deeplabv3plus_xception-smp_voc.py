# segmentation_models_pytorch's DeepLabV3Plus on tu-xception65; with backbone.depth=71 on
# tu-xception71. The decoder reads behind a ReLU, and the rest as on resnet101. No published number.
_base_ = './deeplabv3plus_xception_voc.py'
model = dict(
    backbone=dict(taps='relu'),
    neck=dict(rates=(12, 24, 36), separable='bare', num_convs=1, dropout=0.5),
    decode_head=dict(num_convs=1, separable='bare'),
)
published = dict(mIoU=None)
