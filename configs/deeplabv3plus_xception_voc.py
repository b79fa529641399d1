# DeepLabv3+, Xception-65, output stride 16: the paper's 79.79 mIoU (82.20 from COCO) on VOC val.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3plus_xception.py',
    './_base_/schedules/voc_30k.py',
]
published = dict(mIoU=79.79, source='DeepLabv3+, arXiv 1802.02611')
