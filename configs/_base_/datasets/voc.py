# PASCAL VOC 2012 by the paper's pipeline. Evaluation by the protocol "paper-513".
data_root = 'data/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(513, 513), minimum=0.5, maximum=2.0, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
# mmsegmentation's own prediction looks for `LoadImageFromFile`; in this scope it is ours.
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdeeplab'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='PackSegInputs'),
]
# Ways to evaluate (tools/test.py --protocol NAME): how an image is loaded, and to which (H, W) the
# preprocessor pads it at least. The labels are the files' own unless the mask is loaded before it
# is resized.
protocols = {
    # The papers: native size, padded to 513.
    'paper-513': dict(pipeline=test_pipeline, test_size=(513, 513)),
    # mmsegmentation: short side 512 (about 1.37 times VOC's), not padded; labels at native size.
    'short-512': dict(
        pipeline=[
            dict(type='mmdeeplab.LoadImage'),
            dict(type='Resize', scale=(2048, 512), keep_ratio=True),
            dict(type='mmdeeplab.LoadMask'),
            dict(type='PackSegInputs'),
        ],
        test_size=(1, 1),
    ),
    # Several PyTorch ports: short side 513, then the centre; labels, too. Pixels are left out, so
    # these figures compare with no others.
    'crop-513': dict(
        pipeline=[
            dict(type='mmdeeplab.LoadImage'),
            dict(type='mmdeeplab.LoadMask'),
            dict(type='Resize', scale=(2048, 513), keep_ratio=True),
            dict(type='mmdeeplab.CentreCrop', size=(513, 513)),
            dict(type='PackSegInputs'),
        ],
        test_size=(513, 513),
    ),
}
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='mmdeeplab.ResumableSampler', shuffle=True),
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
