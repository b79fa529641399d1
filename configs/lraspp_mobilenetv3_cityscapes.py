# LR-ASPP on MobileNetV3-Large, Cityscapes. Its published figures are of another schedule.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/cityscapes.py',
    './_base_/models/lraspp_mobilenetv3.py',
    './_base_/schedules/cityscapes_90k.py',
]
model = dict(
    data_preprocessor=dict(size=(769, 769), test_size=(1025, 2049)),
    decode_head=dict(num_classes=19),
)
published = dict(mIoU=None)
