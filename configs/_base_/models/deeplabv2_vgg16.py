# DeepLab v2 on VGG-16: ASPP-L, four rates side by side.
_base_ = './deeplabv1_vgg16.py'
model = dict(
    neck=dict(rates=(6, 12, 18, 24)),
    decode_head=dict(in_channels=4 * 1024, channels=4 * 1024),
)
crf = dict(published='v2-vgg16')
