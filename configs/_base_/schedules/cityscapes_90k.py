# Cityscapes: 90,000 steps (deeplab/g3doc/cityscapes.md); batch and learning rate are VOC's, as no
# source says others but "more than 8".
_base_ = './voc_30k.py'
train_cfg = dict(max_iters=90000, val_interval=9000)
published = dict(
    batch=None,
    crop=769,
    lr=None,
    iters=90000,
    split='train',
    images=2975,
    val_images=500,
    protocol='paper-1025x2049',
)
