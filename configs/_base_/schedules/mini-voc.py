# A few minutes on a CPU: AdamW in bfloat16, poly to 0.
optim_wrapper = dict(
    type='mmdeeplab.AutocastOptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=4e-5),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=350, val_interval=350)
