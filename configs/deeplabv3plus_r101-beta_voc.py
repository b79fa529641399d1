# DeepLabv3+, TF's ResNet-101, output stride 16; lr 0.007, batch 16, wd 1e-4: the paper's 78.85 mIoU
# on VOC val, there with model.decode_head.separable=False.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3plus_resnet-beta.py',
    './_base_/schedules/voc_30k-resnet.py',
]
published = dict(mIoU=78.85, source='DeepLabv3+, arXiv 1802.02611')
