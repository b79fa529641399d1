# DeepLabv3+ on MobileNetV2, ADE20K, at a long side of 257: 32.04 mIoU on val.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/ade20k-257.py',
    './_base_/models/deeplabv3plus_mobilenetv2.py',
    './_base_/schedules/ade20k_150k.py',
]
model = dict(
    data_preprocessor=dict(size=(257, 257), test_size=(257, 257)), decode_head=dict(num_classes=151)
)
published = dict(
    mIoU=32.04, crop=257, iters=None, protocol='long-257', source='deeplab/g3doc/model_zoo.md'
)
