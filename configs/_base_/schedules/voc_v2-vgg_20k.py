# DeepLab v2, section 4.1, on VGG-16: v1's rates with poly 0.9 to 0 over 20000 iterations.
_base_ = './voc_v1_6k.py'
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=20000, val_interval=2000)
published = dict(batch=10, schedule='poly 0.9', iters=20000)
