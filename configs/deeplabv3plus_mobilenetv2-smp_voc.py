# segmentation_models_pytorch's DeepLabV3Plus on mobilenet_v2. No published number.
_base_ = './deeplabv3plus_mobilenetv2_voc.py'
norm = dict(eps=1e-5)
aspp = dict(in_channels=1280, rates=(12, 24, 36), separable='bare', num_convs=1, dropout=0.5)
model = dict(
    data_preprocessor=dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
    backbone=dict(last_channels=1280, style='torchvision', taps='last', norm_cfg=norm),
    neck=aspp,
    decode_head=dict(in_channels=(24, 256), num_convs=1, separable='bare'),
)
