"""The smallest run of the real commands: MobileNetV2, crops of 33, a few drawn images."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from mmdeeplab.config.shipped import config_path
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

CONFIG = config_path('deeplabv3_mobilenetv2_voc')
OPTIONS = [
    'model.backbone.depth_multiplier=0.5',
    'model.neck.in_channels=160',
    'model.neck.channels=8',
    'model.decode_head.in_channels=8',
    'model.decode_head.channels=8',
    'model.data_preprocessor.size=(33,33)',
    'model.data_preprocessor.test_size=(65,65)',
    'train_dataloader.dataset.pipeline.2.crop_size=(33,33)',
    'train_dataloader.dataset.split=train',
    'train_dataloader.dataset.mask_dir=SegmentationClass',
    'train_dataloader.batch_size=2',
    'train_cfg.max_iters=1',
    'bn_policy=train',  # the network of the config, whatever the batch
    'custom_hooks=[]',
    'default_hooks.checkpoint.save_best=None',
    'default_hooks.logger.interval=1',
    *(
        f'{split}_dataloader.{key}'
        for split in ('train', 'val', 'test')
        for key in ('num_workers=0', 'persistent_workers=False')
    ),
]


def draw(folder: Path) -> Path:
    """Three images for training and one to evaluate."""
    generate(folder, MiniVoc(train=3, val=1, size=64), quiet=True)
    return folder


def call(main: Callable[[list[str]], int], *arguments: object) -> tuple[int, str]:
    """Run a command in this process; its exit status, and what it printed."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except Exception as error:
            return 1, f'{text.getvalue()}\ncrash: {error!r}'
    return status, text.getvalue()
