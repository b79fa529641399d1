# For mmsegmentation's deeplabv3plus_m-v2-d8 checkpoints.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3plus_mobilenetv2-mmseg.py',
    './_base_/schedules/voc_30k.py',
]
