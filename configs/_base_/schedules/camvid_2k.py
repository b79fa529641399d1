# Fine-tuning on some hundred photographs, about an hour of one core with a small network.
_base_ = './camvid_10k.py'
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_iters=2000, val_interval=250)
