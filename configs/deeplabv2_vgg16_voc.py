# DeepLab v2, VGG-16, ASPP-L: 68.96 mIoU on VOC val (71.57 with the CRF).
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc_v2.py',
    './_base_/models/deeplabv2_vgg16.py',
    './_base_/schedules/voc_v2-vgg_20k.py',
]
published = dict(mIoU=68.96, source='DeepLabv2, arXiv 1606.00915')
