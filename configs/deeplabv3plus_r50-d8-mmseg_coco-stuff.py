# DeepLabv3+ on ResNet-50, COCO-Stuff 164k, as mmsegmentation trains and evaluates it.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/coco-stuff-mmseg.py',
    './_base_/models/deeplabv3plus_resnet-mmseg.py',
    './_base_/schedules/coco-stuff_160k-mmseg.py',
]
model = dict(
    data_preprocessor=dict(size=(512, 512), test_size=(1, 1)),
    backbone=dict(depth=50),
    decode_head=dict(num_classes=171),
    auxiliary_head=dict(num_classes=171),
)
published = dict(mIoU=None)
