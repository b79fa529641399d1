# DeepLabv2 (arXiv 1606.00915) on Caffe's ResNet-101: three input scales fused by their maximum,
# output stride 8, BN frozen as a whole, four atrous classifiers summed. Inputs are BGR less their
# mean. Frozen BN needs pretrained weights; to train from scratch set backbone.norm_eval=False and
# backbone.norm_cfg.requires_grad=True.
data_preprocessor = dict(
    type='mmdeeplab.DeepLabPreprocessor',
    mean=(104.008, 116.669, 122.675),
    std=(1.0, 1.0, 1.0),
    size=(321, 321),
    test_size=(513, 513),
    bgr_to_rgb=False,
)
model = dict(
    type='mmdeeplab.MSC',
    scales=(1.0, 0.75, 0.5),
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='mmdeeplab.AtrousResNet',
        depth=101,
        output_stride=8,
        multi_grid=(1, 1, 1),
        stem='7x7',
        style='caffe',
        taps='stage',
        norm_cfg=dict(type='BN', eps=1e-5, requires_grad=False),
        norm_eval=True,
    ),
    decode_head=dict(
        type='mmdeeplab.ASPPV2Head',
        in_channels=2048,
        rates=(6, 12, 18, 24),
        num_classes=21,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
