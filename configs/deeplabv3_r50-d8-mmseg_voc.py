# For mmsegmentation's deeplabv3_r50-d8 checkpoints; with backbone.depth=101 its r101-d8, with
# backbone.stem='7x7' its r50b-d8. docs/weights.md has what its -d16-mg124 take.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/voc.py',
    './_base_/models/deeplabv3_resnet-mmseg.py',
    './_base_/schedules/voc_30k-resnet.py',
]
model = dict(backbone=dict(depth=50))
