# DeepLabv2 on ResNet-101 with multi-scale inputs on the miniature VOC: BN trains, from scratch.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/mini-voc.py',
    './_base_/models/deeplabv2_resnet.py',
    './_base_/schedules/mini-voc.py',
]
model = dict(
    data_preprocessor=dict(std=(58.0,) * 3, size=(97, 97), test_size=(129, 129)),
    backbone=dict(norm_eval=False, norm_cfg=dict(requires_grad=True, momentum=0.03)),
)
