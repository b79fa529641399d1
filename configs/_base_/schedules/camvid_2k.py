# Fine-tuning on some hundred photographs, about an hour of one core with a small network.
_base_ = './camvid_10k.py'
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=2000, by_epoch=False)]
train_cfg = dict(max_iters=2000, val_interval=250)
