# No decoder: a 1x1 classifier on ASPP's output at stride 16, as in _base_/models.
_base_ = '../deeplabv3plus_xception_mini-voc.py'
model = dict(
    decode_head=dict(
        _delete_=True,
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
    )
)
