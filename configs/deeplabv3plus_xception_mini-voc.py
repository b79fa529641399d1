# The same network on the miniature VOC (tools/make_mini_voc.py), from scratch in minutes on a CPU.
_base_ = './deeplabv3plus_xception_voc.py'
data_root = 'data/mini-voc'
crop_size = (97, 97)
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=crop_size, minimum=0.75, maximum=1.25, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        split='train',
        mask_dir='SegmentationClass',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
protocols = {'paper-129': dict(pipeline=_base_.test_pipeline, test_size=(129, 129))}
# BN's horizon is part of a schedule: TF's 1 / 3e-4 = 3,333 steps outlast this run.
norm = dict(momentum=0.03)
model = dict(
    data_preprocessor=dict(size=crop_size, test_size=(129, 129)),
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
