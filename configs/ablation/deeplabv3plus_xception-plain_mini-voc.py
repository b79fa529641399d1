# Plain 3x3 convolutions in ASPP and decoder.
_base_ = '../deeplabv3plus_xception_mini-voc.py'
model = dict(neck=dict(separable=False), decode_head=dict(separable=False))
