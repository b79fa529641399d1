# DeepLabv2 with ASPP-L on the miniature VOC.
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/mini-voc.py',
    './_base_/models/deeplabv2_vgg16.py',
    './_base_/schedules/mini-voc.py',
]
model = dict(data_preprocessor=dict(std=(58.0,) * 3, size=(97, 97), test_size=(129, 129)))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
