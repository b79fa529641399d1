# ResNet decays by 1e-4 instead of 4e-5 (deeplab/train.py, --weight_decay).
_base_ = './voc_30k.py'
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
