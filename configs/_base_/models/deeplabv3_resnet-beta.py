# DeepLabv3 on the ResNet of TF's checkpoints: stem of 64/64/128, stride in the last unit of a
# block, taps before the ReLU, pixels scaled to [-1, 1].
_base_ = './deeplabv3_resnet.py'
model = dict(
    data_preprocessor=dict(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    backbone=dict(stem='beta', style='tf', taps='conv3'),
)
