# DeepLabv2, ResNet-101, ASPP-L: lr 2.5e-4 (x10 and x20 in the head), batch 10, wd 5e-4, 20K steps.
# The paper's 76.35 mIoU on VOC val (77.69 with the CRF) started from COCO weights.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc_v2.py',
    './_base_/models/deeplabv2_resnet.py',
    './_base_/schedules/voc_v2-resnet_20k.py',
]
crf = dict(published='v2-r101')
published = dict(mIoU=76.35, source='DeepLabv2, arXiv 1606.00915')
