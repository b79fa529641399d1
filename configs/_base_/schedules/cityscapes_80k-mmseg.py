# mmsegmentation's on Cityscapes.
_base_ = './mmseg_80k.py'
train_cfg = dict(max_iters=80000, val_interval=8000)
published = dict(
    batch=8,
    crop='512 x 1024',
    lr=0.01,
    iters=80000,
    split='train',
    images=2975,
    val_images=500,
    protocol='native',
)
