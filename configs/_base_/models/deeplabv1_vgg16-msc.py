# MSc: scores of small branches on the image and on pool1 to pool4 are added to fc8's.
_base_ = './deeplabv1_vgg16.py'
model = dict(
    backbone=dict(with_image=True),
    decode_head=dict(
        _delete_=True,
        type='mmdeeplab.SideBranchHead',
        in_channels=(3, 64, 128, 256, 512, 1024),
        in_index=(0, 1, 2, 3, 4, -1),
        channels=1024,
        strides=(8, 4, 2, 1, 1),
        num_classes=21,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
crf = dict(published='v1-msc-largefov')
