# DeepLab v1, MSc-LargeFOV: 64.21 mIoU on VOC val (68.70 with the CRF), from a trained LargeFOV
# (`load_from`).
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc_v1.py',
    './_base_/models/deeplabv1_vgg16-msc.py',
    './_base_/schedules/voc_v1-msc_6k.py',
]
published = dict(mIoU=64.21, source='DeepLab v1, arXiv 1412.7062')
