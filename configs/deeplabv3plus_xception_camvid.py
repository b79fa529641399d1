# CamVid, 11 classes, 480 x 360, in VOC's layout: the paper's pipeline with a smaller crop.
_base_ = './deeplabv3plus_xception_voc.py'
data_root = 'data/camvid'
crop_size = (321, 321)
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='mmdeeplab.RandomScale', minimum=0.5, maximum=2.0, step=0.25),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=1.0),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        split='train',
        mask_dir='SegmentationClass',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(num_workers=2, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
norm = dict(momentum=0.03)  # from scratch and short: see the mini-VOC
model = dict(
    data_preprocessor=dict(size=crop_size, test_size=(361, 481)),
    backbone=dict(norm_cfg=norm),
    neck=dict(norm_cfg=norm),
    decode_head=dict(num_classes=11, norm_cfg=norm),
)
optim_wrapper = dict(
    type='mmdeeplab.AutocastOptimWrapper',
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=4e-5),
)
train_cfg = dict(max_iters=10000, val_interval=1000)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=10000, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval=1000))
