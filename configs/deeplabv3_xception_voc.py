# DeepLabv3 on Xception-65 with separable ASPP and no decoder.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3_xception.py',
    './_base_/schedules/voc_30k.py',
]
