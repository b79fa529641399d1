# Fine-tuning on some hundred photographs, under an hour on one core with a small network.
_base_ = './camvid_10k.py'
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=1500, by_epoch=False)]
train_cfg = dict(max_iters=1500, val_interval=250)
