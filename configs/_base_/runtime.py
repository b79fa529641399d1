# What every run shares: the plugin, the environment, logging and checkpoints.
bn_policy = 'auto'  # BatchNorm follows the batch: mmdeeplab.models.norms.bn_policy
custom_imports = dict(
    imports=['mmdeeplab', 'mmdeeplab.checkpoint.mmengine_loader'], allow_failed_imports=False
)
default_scope = 'mmseg'
runner_type = 'mmdeeplab.DeepLabRunner'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl', timeout=300),
)
randomness = dict(seed=0)
vis_backends = [dict(type='mmdeeplab.LocalVisBackend')]
# Without a name each run has its own; MMEngine would hand out the first one of that name again.
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False

# Errors in the data stop a run before its first step; `allow` names kinds to let pass, see
# docs/check_dataset.md. False: no check.
check_data = dict(allow=[])

val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# The checkpoint hook saves whenever is validated; it and the log count as train_cfg does.
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mmdeeplab.CheckpointHook',
        max_keep_ckpts=2,
        save_best='mIoU',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [
    dict(type='mmdeeplab.DataCheckHook'),
    dict(type='mmdeeplab.DegenerateRateHook'),
    dict(type='mmdeeplab.DataTimeHook'),
    dict(type='mmdeeplab.RecipeHook'),
    dict(type='mmdeeplab.ProgressHook'),
]
# Never; dict(monitor='mIoU', patience=5) stops after five validations without a better mIoU.
early_stopping = dict()
