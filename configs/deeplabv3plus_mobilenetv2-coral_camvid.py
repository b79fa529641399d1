# A decoder behind Coral's MobileNetV2 of PASCAL VOC, fine-tuned on CamVid (docs/finetune.md).
_base_ = [
    './_base_/runtime.py',
    './_base_/datasets/camvid.py',
    './_base_/models/deeplabv3plus_mobilenetv2.py',
    './_base_/schedules/camvid_2k.py',
]
norm = dict(momentum=0.03)
coral = (128.0, 128.0, 128.0)
model = dict(
    data_preprocessor=dict(mean=coral, std=coral, size=(321, 321), test_size=(361, 481)),
    backbone=dict(norm_cfg=norm),
    neck=dict(norm_cfg=norm),
    # poles weigh four times, signs twice
    decode_head=dict(
        num_classes=11,
        norm_cfg=norm,
        loss_decode=dict(class_weight=[1, 1, 4, 1, 1, 1, 2, 1, 1, 1, 1]),
    ),
)
