# MobileNetV2 with the decoder of DeepLabv3+, and no atrous branches, as published for ADE20K.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3plus_mobilenetv2.py',
    './_base_/schedules/voc_30k.py',
]
