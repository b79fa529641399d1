# mmsegmentation's on PASCAL Context, with a smaller rate and decay.
_base_ = './mmseg_80k.py'
optim_wrapper = dict(optimizer=dict(lr=0.004, weight_decay=1e-4))
train_cfg = dict(max_iters=80000, val_interval=8000)
published = dict(
    batch=16,
    crop=480,
    lr=0.004,
    iters=80000,
    split='context_train',
    images=4998,
    val_images=5105,
    protocol='long-520',
)
