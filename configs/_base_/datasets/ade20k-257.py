# ADE20K at a long side of 257, as TensorFlow's MobileNetV2 has it.
_base_ = './ade20k.py'
train_pipeline = [
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='Resize', scale=(257, 257), keep_ratio=True),
    dict(
        type='mmdeeplab.RandomScaleCrop', crop_size=(257, 257), minimum=0.5, maximum=2.0, step=0.25
    ),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdeeplab'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='Resize', scale=(257, 257), keep_ratio=True),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
protocols = dict(_delete_=True, **{'long-257': dict(pipeline=test_pipeline, test_size=(257, 257))})
