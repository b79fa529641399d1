# segmentation_models_pytorch's DeepLabV3 on resnet50.
_base_ = './deeplabv3_r101-smp_voc.py'
model = dict(backbone=dict(depth=50))
