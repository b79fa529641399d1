# segmentation_models_pytorch's DeepLabV3Plus on tu-xception71.
_base_ = './deeplabv3plus_xception-smp_voc.py'
model = dict(backbone=dict(depth=71))
