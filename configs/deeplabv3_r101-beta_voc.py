# DeepLabv3, TF's ResNet-101, output stride 16; lr 0.007, batch 16, wd 1e-4: the paper's 77.21 mIoU
# on VOC val (78.51 evaluated at output stride 8).
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3_resnet-beta.py',
    './_base_/schedules/voc_30k-resnet.py',
]
published = dict(mIoU=77.21, source='DeepLabv3, arXiv 1706.05587')
