# ADE20K by TensorFlow (tools/prepare_data.py ade20k): 151 classes, of which the first, "other", is
# never a label; images and labels are resized to a long side of 513.
_base_ = './voc.py'
data_root = 'data/ade/ADEChallengeData2016'
files = dict(
    type='mmdeeplab.VOCFolderDataset',
    data_root=data_root,
    image_dir='images',
    mask_dir='annotations',
    ignore_index=0,
    metainfo=dict(classes='ade20k-other'),
)
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='Resize', scale=(513, 513), keep_ratio=True),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(513, 513), minimum=0.5, maximum=2.0, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdeeplab'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='Resize', scale=(513, 513), keep_ratio=True),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(split='train', pipeline=train_pipeline, **files))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **files))
test_dataloader = val_dataloader
protocols = dict(_delete_=True, **{'long-513': dict(pipeline=test_pipeline, test_size=(513, 513))})
