# torchvision's deeplabv3_resnet50: 66.4 mIoU on COCO's val2017 with VOC's classes.
_base_ = './deeplabv3_r101-torchvision_voc.py'
model = dict(backbone=dict(depth=50))
