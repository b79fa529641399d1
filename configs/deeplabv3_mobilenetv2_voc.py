# DeepLabv3 on MobileNetV2 without atrous branches: 75.32 mIoU from COCO on VOC val.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3_mobilenetv2.py',
    './_base_/schedules/voc_30k.py',
]
# Its paper says nothing of batch, learning rate and length.
published = dict(
    mIoU=75.32,
    batch=None,
    lr=None,
    iters=None,
    pretrained='COCO',
    source='MobileNetV2, arXiv 1801.04381',
)
