# DeepLabv3+ on Xception-65, Cityscapes, output stride 16: 78.79 mIoU on val.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/cityscapes.py',
    './_base_/models/deeplabv3plus_xception.py',
    './_base_/schedules/cityscapes_90k.py',
]
model = dict(
    data_preprocessor=dict(size=(769, 769), test_size=(1025, 2049)),
    decode_head=dict(num_classes=19),
)
published = dict(mIoU=78.79, source='DeepLabv3+, arXiv 1802.02611')
