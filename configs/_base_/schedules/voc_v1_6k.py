# DeepLab v1, section 4.2, and its solver: SGD, a tenth of the rate every 2000 of 6000 iterations;
# the classifier learns ten times as fast as the trunk, biases twice and without decay.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(
        bias_lr_mult=2.0,
        bias_decay_mult=0.0,
        custom_keys={
            'decode_head.conv_seg.weight': dict(lr_mult=10.0),
            'decode_head.conv_seg.bias': dict(lr_mult=20.0, decay_mult=0.0),
        },
    ),
)
param_scheduler = [dict(type='MultiStepLR', milestones=[2000, 4000], gamma=0.1, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=6000, val_interval=2000)
# The recipe behind the published numbers; a config adds its mIoU and source.
published = dict(
    batch=20,
    crop=321,
    lr=0.001,
    schedule='x0.1 at 2000, 4000',
    iters=6000,
    output_stride=8,
    bn='none',
    split='trainaug',
    images=10582,
    val_images=1449,
    pretrained='ImageNet',
    protocol='paper-513',
)
