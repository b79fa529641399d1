# For Coral's quantised model with half the channels.
_base_ = './deeplabv3_mobilenetv2-coral_voc.py'
model = dict(backbone=dict(depth_multiplier=0.5), neck=dict(in_channels=160))
