# LR-ASPP on MobileNetV3-Large.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/lraspp_mobilenetv3.py',
    './_base_/schedules/voc_30k.py',
]
