# DeepLab v1's MSc: the trunk up to fc7 is frozen, branches and fc8 learn at the plain rate.
_base_ = './voc_v1_6k.py'
frozen = dict(lr_mult=0.0, decay_mult=0.0)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(_delete_=True, backbone=frozen, neck=frozen))
)
