# DeepLabv3+ on MobileNetV2 on the miniature VOC: the quickest to try.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/mini-voc.py',
    './_base_/models/deeplabv3plus_mobilenetv2.py',
    './_base_/schedules/mini-voc.py',
]
norm = dict(momentum=0.03)
model = dict(
    data_preprocessor=dict(size=(97, 97), test_size=(129, 129)),
    backbone=dict(norm_cfg=norm),
    neck=dict(norm_cfg=norm),
    decode_head=dict(norm_cfg=norm),
)
