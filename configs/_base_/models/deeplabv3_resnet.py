# DeepLabv3 (arXiv 1706.05587) on a ResNet with torchvision's stem, stride and ImageNet mean. By
# that stride the first unit of block 4 keeps rate 1: multi-grid (1, 2, 4) runs at 1, 4, 8.
data_preprocessor = dict(
    type='mmdeeplab.DeepLabPreprocessor',
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    size=(513, 513),
)
model = dict(
    type='mmdeeplab.EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='mmdeeplab.AtrousResNet',
        depth=101,
        output_stride=16,
        multi_grid=(1, 2, 4),
        stem='7x7',
        style='torchvision',
        taps='stage',
        norm_cfg=dict(type='BN', eps=1e-5, momentum=0.05),
        norm_eval=False,
    ),
    neck=dict(
        type='mmdeeplab.ASPPNeck',
        in_channels=2048,
        channels=256,
        rates=(6, 12, 18),
        separable=False,
        dropout=0.1,
        norm_cfg=dict(type='BN', eps=1e-5, momentum=3e-4),
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=256,
        in_index=-1,
        channels=256,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0,
        num_classes=21,
        align_corners=True,
        init_cfg=dict(
            type='TruncNormal', std=0.01, a=-0.02, b=0.02, override=dict(name='conv_seg')
        ),
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
