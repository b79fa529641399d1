# DeepLabv3+ on Xception-65 on CamVid: a data set of one's own, in VOC's layout.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/camvid.py',
    './_base_/models/deeplabv3plus_xception.py',
    './_base_/schedules/camvid_10k.py',
]
norm = dict(momentum=0.03)  # from scratch and short: see the mini-VOC
model = dict(
    data_preprocessor=dict(size=(321, 321), test_size=(361, 481)),
    backbone=dict(norm_cfg=norm),
    neck=dict(norm_cfg=norm),
    decode_head=dict(num_classes=11, norm_cfg=norm),
)
