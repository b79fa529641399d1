# COCO-Stuff 164k, 171 classes (tools/prepare_data.py coco-stuff): mmsegmentation's pipeline.
# Evaluation by the protocol "short-512".
_base_ = './voc.py'
data_root = 'data/coco_stuff164k'
files = dict(
    type='mmdeeplab.VOCFolderDataset',
    data_root=data_root,
    image_dir='images',
    mask_dir='annotations',
    seg_map_suffix='_labelTrainIds.png',
    metainfo=dict(classes='coco-stuff'),
)
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='mmdeeplab.PackTraining'),
]
# The image is resized, labels stay at their own size.
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdeeplab'),
    dict(type='Resize', scale=(2048, 512), keep_ratio=True),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=16, dataset=dict(split='train', pipeline=train_pipeline, **files)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **files))
test_dataloader = val_dataloader
protocols = dict(_delete_=True, **{'short-512': dict(pipeline=test_pipeline, test_size=(1, 1))})
