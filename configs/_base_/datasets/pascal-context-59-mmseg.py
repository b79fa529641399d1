# PASCAL Context, 59 classes: background is void.
_base_ = './pascal-context-mmseg.py'
files = dict(reduce_zero_label=True, metainfo=dict(classes='pascal-context-59'))
train_dataloader = dict(dataset=files)
val_dataloader = dict(dataset=files)
test_dataloader = val_dataloader
