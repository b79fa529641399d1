# DeepLabv3, ResNet-101 with torchvision's stem and stride, output stride 16; lr 0.007, batch 16,
# wd 1e-4. Published, with TF's stem and stride: 77.21 mIoU on VOC val.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3_resnet.py',
    './_base_/schedules/voc_30k-resnet.py',
]
published = dict(mIoU=77.21, source='DeepLabv3, arXiv 1706.05587')
