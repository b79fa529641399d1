# DeepLab v2, VGG-16, ASPP-S: 66.98 mIoU on VOC val (69.73 with the CRF).
_base_ = './deeplabv2_vgg16_voc.py'
model = dict(neck=dict(rates=(2, 4, 8, 12)))
published = dict(mIoU=66.98)
