# PASCAL VOC 2012 by the paper's pipeline. Evaluation at native size, padded to 513 x 513 by the
# preprocessor (protocol "paper-513").
data_root = 'data/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='mmdeeplab.RandomScale', minimum=0.5, maximum=2.0, step=0.25),
    dict(type='RandomCrop', crop_size=(513, 513), cat_max_ratio=1.0),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='mmdeeplab.ExactSampler', shuffle=True),
    dataset=dict(
        type='mmdeeplab.VOCFolderDataset',
        data_root=data_root,
        split='trainaug',
        mask_dir='SegmentationClassAug',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='mmdeeplab.VOCFolderDataset',
        data_root=data_root,
        split='val',
        mask_dir='SegmentationClass',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='mmdeeplab.SegMetric')
test_evaluator = val_evaluator
