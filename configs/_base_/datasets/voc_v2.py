# PASCAL VOC 2012 as DeepLabv2 trains on it: crops of 321, scales 0.5 to 1.5, batches of 10.
_base_ = './voc.py'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(321, 321), minimum=0.5, maximum=1.5, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
train_dataloader = dict(batch_size=10, dataset=dict(pipeline=train_pipeline))
