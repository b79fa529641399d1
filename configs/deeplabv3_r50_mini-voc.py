# DeepLabv3 on ResNet-50 on the miniature VOC.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/mini-voc.py',
    './_base_/models/deeplabv3_resnet.py',
    './_base_/schedules/mini-voc.py',
]
norm = dict(momentum=0.03)
model = dict(
    data_preprocessor=dict(size=(97, 97), test_size=(129, 129)),
    backbone=dict(depth=50, norm_cfg=norm),
    neck=dict(norm_cfg=norm),
)
