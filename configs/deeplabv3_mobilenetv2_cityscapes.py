# DeepLabv3 on MobileNetV2 without atrous branches, Cityscapes: 70.71 mIoU from COCO on val.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/cityscapes.py',
    './_base_/models/deeplabv3_mobilenetv2.py',
    './_base_/schedules/cityscapes_90k.py',
]
model = dict(
    data_preprocessor=dict(size=(769, 769), test_size=(1025, 2049)),
    decode_head=dict(num_classes=19),
)
published = dict(mIoU=70.71, iters=None, pretrained='COCO', source='deeplab/g3doc/model_zoo.md')
