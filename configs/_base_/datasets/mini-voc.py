# The miniature VOC (tools/make_mini_voc.py): crops of 97 from images of up to 128 pixels.
_base_ = './voc.py'
data_root = 'data/mini-voc'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(97, 97), minimum=0.75, maximum=1.25, step=0.25
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
