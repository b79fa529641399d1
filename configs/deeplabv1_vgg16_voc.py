# DeepLab v1, LargeFOV: the paper's 62.25 mIoU on VOC val (67.64 with the CRF), from VGG-16's
# ImageNet weights with fc6 cut down to 3x3 (`load_from`).
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc_v1.py',
    './_base_/models/deeplabv1_vgg16.py',
    './_base_/schedules/voc_v1_6k.py',
]
published = dict(mIoU=62.25, batch=30, source='DeepLab v1, arXiv 1412.7062')
