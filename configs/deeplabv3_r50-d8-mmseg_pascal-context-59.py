# DeepLabv3 on ResNet-50, PASCAL Context, 59 classes, as mmsegmentation trains and evaluates it.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/pascal-context-59-mmseg.py',
    './_base_/models/deeplabv3_resnet-mmseg.py',
    './_base_/schedules/pascal-context_80k-mmseg.py',
]
model = dict(
    data_preprocessor=dict(size=(480, 480), test_size=(1, 1)),
    backbone=dict(depth=50),
    decode_head=dict(num_classes=59),
    auxiliary_head=dict(num_classes=59),
    test_cfg=dict(mode='slide', crop_size=(480, 480), stride=(320, 320)),
)
published = dict(mIoU=None)
