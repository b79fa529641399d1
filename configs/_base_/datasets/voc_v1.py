# PASCAL VOC 2012 as DeepLab v1 trains on it: crops of 321, never scaled, batches of 20.
_base_ = './voc.py'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='RandomCrop', crop_size=(321, 321), cat_max_ratio=1.0),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
train_dataloader = dict(batch_size=20, dataset=dict(pipeline=train_pipeline))
