# DeepLabv3+ on Xception-65, ADE20K: 45.65 mIoU at output stride 8 over several scales; no other.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/ade20k.py',
    './_base_/models/deeplabv3plus_xception.py',
    './_base_/schedules/ade20k_150k.py',
]
model = dict(
    data_preprocessor=dict(size=(513, 513), test_size=(513, 513)), decode_head=dict(num_classes=151)
)
published = dict(mIoU=None)
