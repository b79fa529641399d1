# DeepLab v1, LargeFOV: VGG-16 at output stride 8, fc6 3x3 at rate 12, fc7, a 1x1 classifier.
# Caffe's weights expect BGR less the mean pixel.
data_preprocessor = dict(
    type='mmdeeplab.DeepLabPreprocessor',
    mean=(104.008, 116.669, 122.675),
    std=(1.0, 1.0, 1.0),
    bgr_to_rgb=False,
    size=(321, 321),
    test_size=(513, 513),
)
model = dict(
    type='mmdeeplab.EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(type='mmdeeplab.AtrousVGG16', output_stride=8, pool_kernel=3, average_pool=True),
    neck=dict(
        type='mmdeeplab.LargeFOVNeck',
        in_channels=512,
        channels=1024,
        kernel_size=3,
        rates=(12,),
        dropout=0.5,
    ),
    decode_head=dict(
        type='mmdeeplab.ShrunkLabelFCNHead',
        in_channels=1024,
        in_index=-1,
        channels=1024,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0,
        num_classes=21,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
# Post-processing, only on request (test.py --crf).
crf = dict(published='v1-largefov')
