# Cityscapes by mmsegmentation: crops of 512 x 1024, batches of 8; evaluation by "native".
_base_ = './cityscapes.py'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='RandomResize', scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(512, 1024), cat_max_ratio=0.75),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='mmdeeplab.PackTraining'),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
