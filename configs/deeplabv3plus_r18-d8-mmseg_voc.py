# For mmsegmentation's deeplabv3plus_r18-d8 checkpoints; with backbone.type='ResNet' its r18b-d8.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3plus_resnet18-mmseg.py',
    './_base_/schedules/voc_30k-resnet.py',
]
