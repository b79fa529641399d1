# Cityscapes, 19 classes, 1024 x 2048 (tools/prepare_data.py cityscapes): the papers' pipeline with
# crops of 769. Evaluation by the protocol "paper-1025x2049".
_base_ = './voc.py'
data_root = 'data/cityscapes'
files = dict(
    type='mmdeeplab.VOCFolderDataset',
    data_root=data_root,
    image_dir='leftImg8bit',
    img_suffix='_leftImg8bit.png',
    mask_dir='gtFine',
    seg_map_suffix='_gtFine_labelTrainIds.png',
    metainfo=dict(classes='cityscapes'),
)
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(769, 769), minimum=0.5, maximum=2.0, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
train_dataloader = dict(dataset=dict(split='train', pipeline=train_pipeline, **files))
val_dataloader = dict(dataset=files)
test_dataloader = val_dataloader
protocols = dict(
    _delete_=True,
    **{
        # The papers: the whole image, padded by one pixel.
        'paper-1025x2049': dict(pipeline=_base_.test_pipeline, test_size=(1025, 2049)),
        # mmsegmentation: the whole image as it is.
        'native': dict(pipeline=_base_.test_pipeline, test_size=(1, 1)),
    },
)
