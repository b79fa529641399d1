# segmentation_models_pytorch's DeepLabV3 on tu-xception71.
_base_ = './deeplabv3_xception-smp_voc.py'
model = dict(backbone=dict(depth=71))
