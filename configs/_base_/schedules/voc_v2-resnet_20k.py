# DeepLabv2, section 4.1, and its solver: SGD, poly 0.9 to 0; the classifiers learn 10 times as fast
# as the trunk, their biases (the only ones) 20 times and without decay.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=2.5e-4, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(
        custom_keys={f'branches.{i}.weight': dict(lr_mult=10.0) for i in range(4)},
        bias_lr_mult=20.0,
        bias_decay_mult=0.0,
    ),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=20000, val_interval=2000)
# The recipe behind the published numbers; a config adds its mIoU and source.
published = dict(
    batch=10,
    crop=321,
    lr=2.5e-4,
    schedule='poly 0.9',
    iters=20000,
    output_stride=8,
    bn='frozen',
    split='trainaug',
    images=10582,
    val_images=1449,
    pretrained='COCO',
    protocol='paper-513',
)
