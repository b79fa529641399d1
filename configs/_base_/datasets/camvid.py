# CamVid in VOC's layout, 11 classes, 480 x 360: the paper's pipeline with crops of 321.
_base_ = './voc.py'
data_root = 'data/camvid'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(321, 321), minimum=0.5, maximum=2.0, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
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
protocols = {'paper-361x481': dict(pipeline=_base_.test_pipeline, test_size=(361, 481))}
