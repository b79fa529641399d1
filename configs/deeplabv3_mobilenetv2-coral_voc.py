# For Coral's quantised model: its input is (RGB - 128) / 128.
_base_ = './deeplabv3_mobilenetv2_voc.py'
data_preprocessor = dict(mean=(128.0, 128.0, 128.0), std=(128.0, 128.0, 128.0))
model = dict(data_preprocessor=data_preprocessor)
published = dict(mIoU=None)
