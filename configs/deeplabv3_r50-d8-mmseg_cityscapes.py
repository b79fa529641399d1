# DeepLabv3 on ResNet-50, Cityscapes, as mmsegmentation trains and evaluates it.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/cityscapes-mmseg.py',
    './_base_/models/deeplabv3_resnet-mmseg.py',
    './_base_/schedules/cityscapes_80k-mmseg.py',
]
model = dict(
    data_preprocessor=dict(size=(512, 1024), test_size=(1, 1)),
    backbone=dict(depth=50),
    decode_head=dict(num_classes=19),
    auxiliary_head=dict(num_classes=19),
)
published = dict(mIoU=79.32)
