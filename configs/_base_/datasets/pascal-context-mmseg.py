# PASCAL Context, 59 classes and background (tools/prepare_data.py pascal-context): mmsegmentation's
# pipeline. Evaluation by the protocol "long-520", in windows of 480.
_base_ = './voc.py'
data_root = 'data/VOCdevkit/VOC2010'
files = dict(
    type='mmdeeplab.VOCFolderDataset',
    data_root=data_root,
    mask_dir='SegmentationClassContext',
    metainfo=dict(classes='pascal-context'),
)
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(480, 480), cat_max_ratio=0.75),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='mmdeeplab.PackTraining'),
]
# The image is resized, labels stay at their own size.
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdeeplab'),
    dict(type='Resize', scale=(520, 520), keep_ratio=True),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=16, dataset=dict(split='context_train', pipeline=train_pipeline, **files)
)
val_dataloader = dict(dataset=dict(split='context_val', pipeline=test_pipeline, **files))
test_dataloader = val_dataloader
protocols = dict(_delete_=True, **{'long-520': dict(pipeline=test_pipeline, test_size=(1, 1))})
