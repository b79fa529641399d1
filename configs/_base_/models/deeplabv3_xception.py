# DeepLabv3 on Xception: separable ASPP, no decoder.
data_preprocessor = dict(
    type='mmdeeplab.DeepLabPreprocessor',
    mean=(127.5, 127.5, 127.5),
    std=(127.5, 127.5, 127.5),
    size=(513, 513),
)
model = dict(
    type='mmdeeplab.EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='mmdeeplab.Xception',
        depth=65,
        output_stride=16,
        multi_grid=(1, 1, 1),
        norm_cfg=dict(type='BN', eps=1e-3, momentum=3e-4),
        norm_eval=False,
    ),
    neck=dict(
        type='mmdeeplab.ASPPNeck',
        in_channels=2048,
        channels=256,
        rates=(6, 12, 18),
        separable=True,
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
