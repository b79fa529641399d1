# mmsegmentation's on COCO-Stuff 164k.
_base_ = './mmseg_80k.py'
train_cfg = dict(max_iters=160000, val_interval=16000)
published = dict(
    batch=16,
    crop=512,
    lr=0.01,
    iters=160000,
    split='train',
    images=118287,
    val_images=5000,
    protocol='short-512',
)
