# DeepLabv3+ with Xception-65 on the miniature VOC (tools/make_mini_voc.py): minutes on a CPU.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/mini-voc.py',
    './_base_/models/deeplabv3plus_xception.py',
    './_base_/schedules/voc_30k.py',
]
# BN's horizon is part of a schedule: TF's 1 / 3e-4 = 3,333 steps outlast this run.
norm = dict(momentum=0.03)
model = dict(
    data_preprocessor=dict(size=(97, 97), test_size=(129, 129)),
    backbone=dict(norm_cfg=norm),
    neck=dict(norm_cfg=norm),
    decode_head=dict(norm_cfg=norm),
)
optim_wrapper = dict(
    type='mmdeeplab.AutocastOptimWrapper',
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=4e-5),
)
train_cfg = dict(max_iters=350, val_interval=350)
default_hooks = dict(logger=dict(interval=10))  # a line every few seconds
published = None
