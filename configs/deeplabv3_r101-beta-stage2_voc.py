# DeepLabv3's second stage, for the test server: from the first stage's weights (`load_from`) at
# output stride 8 with frozen BatchNorm on VOC's own trainval; lr 0.001. Val is trained on here: its
# mIoU is none.
_base_ = './deeplabv3_r101-beta_voc.py'
model = dict(backbone=dict(output_stride=8), neck=dict(rates=(12, 24, 36)))
bn_policy = 'frozen'
train_dataloader = dict(dataset=dict(split='trainval', mask_dir='SegmentationClass'))
check_data = dict(allow=['leak'])
optim_wrapper = dict(optimizer=dict(lr=0.001))
published = dict(mIoU=None)
