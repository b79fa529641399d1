# DeepLab v2, VGG-16, one branch: 65.76 mIoU on VOC val (69.84 with the CRF).
_base_ = './deeplabv2_vgg16_voc.py'
model = dict(neck=dict(rates=(12,)), decode_head=dict(in_channels=1024, channels=1024))
published = dict(mIoU=65.76)
