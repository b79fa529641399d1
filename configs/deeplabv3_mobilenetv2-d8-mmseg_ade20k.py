# DeepLabv3 on MobileNetV2, ADE20K, as mmsegmentation trains and evaluates it.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/ade20k-mmseg.py',
    './_base_/models/deeplabv3_mobilenetv2-mmseg.py',
    './_base_/schedules/ade20k_160k-mmseg.py',
]
model = dict(
    data_preprocessor=dict(size=(512, 512), test_size=(1, 1)),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
)
published = dict(mIoU=34.08)
