# DeepLabv3, section 4, and deeplab/train.py: SGD, poly 0.9 to 0, batch 16; kernels decay, but not
# depthwise kernels, BN or biases; the only bias (the classifier's) learns twice as fast.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.007, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(
        norm_decay_mult=0.0, dwconv_decay_mult=0.0, bias_decay_mult=0.0, bias_lr_mult=2.0
    ),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=30000, val_interval=3000)
# The recipe behind the published numbers; a config adds its mIoU and source.
published = dict(
    batch=16,
    crop=513,
    lr=0.007,
    schedule='poly 0.9',
    iters=30000,
    output_stride=16,
    bn='train',
    split='trainaug',
    images=10582,
    val_images=1449,
    pretrained='ImageNet',
    protocol='paper-513',
)
