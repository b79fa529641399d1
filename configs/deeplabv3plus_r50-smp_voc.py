# segmentation_models_pytorch's DeepLabV3Plus on resnet50.
_base_ = './deeplabv3plus_r101-smp_voc.py'
model = dict(backbone=dict(depth=50))
