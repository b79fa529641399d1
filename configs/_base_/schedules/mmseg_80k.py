# mmsegmentation's: SGD on everything alike, poly 0.9 to 1e-4.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=80000, val_interval=8000)
published = dict(
    schedule='poly 0.9, at least 0.0001',
    output_stride=8,
    bn='train',
    pretrained='ImageNet',
    source='mmsegmentation 1.4.2, metafile.yaml',
)
