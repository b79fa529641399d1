# Half the channels: 70.19 mIoU from COCO on VOC val.
_base_ = './deeplabv3_mobilenetv2_voc.py'
model = dict(backbone=dict(depth_multiplier=0.5), neck=dict(in_channels=160))
published = dict(mIoU=70.19, source='TensorFlow model zoo')
