# ADE20K: 150,000 steps (deeplab/g3doc/ade20k.md); batch and learning rate are VOC's, as no source
# says others.
_base_ = './voc_30k.py'
train_cfg = dict(max_iters=150000, val_interval=15000)
published = dict(
    batch=None,
    lr=None,
    iters=150000,
    split='train',
    images=20210,
    val_images=2000,
    protocol='long-513',
)
