"""What runs on the pretended GPUs: the project's commands, small."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from places import ROOT

TINY = [
    'default_hooks.logger.interval=100',
    *('train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False'),
    *('val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False'),
    *('test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False'),
    *('train_dataloader.batch_size=2', 'train_dataloader.dataset.pipeline.2.crop_size=(33,33)'),
    *('model.data_preprocessor.size=(33,33)', 'model.data_preprocessor.test_size=(49,49)'),
    *(
        'train_dataloader.dataset.split=train',
        'train_dataloader.dataset.mask_dir=SegmentationClass',
    ),
]
MOBILE = 'deeplabv3plus_mobilenetv2_mini-voc'
VOC = 'deeplabv3plus_xception_voc'
AMP = 'optim_wrapper.type=AmpOptimWrapper'
BF16 = 'optim_wrapper.type=mmdeeplab.AutocastOptimWrapper'
FLOAT = 'optim_wrapper.type=OptimWrapper'
RECOMPUTE = 'recompute=[backbone.blocks.1]'
EMA = 'custom_hooks.0.type=EMAHook'
NARROW = [
    *('model.neck.channels=32', 'model.decode_head.in_channels=32'),
    'model.decode_head.channels=32',
]
TRAINED: dict[str, tuple[str, list[str]]] = {
    'fp32': (MOBILE, [FLOAT]),
    'bf16': (MOBILE, [BF16]),
    'fp16': (MOBILE, [AMP]),
    'channels-last': (MOBILE, ['channels_last=True']),
    'recompute': (MOBILE, [FLOAT, RECOMPUTE]),
    'ema': (MOBILE, [FLOAT, EMA]),
    'accumulation': (MOBILE, [FLOAT, 'optim_wrapper.accumulative_counts=2']),
    'v1': ('deeplabv1_vgg16_mini-voc', NARROW),
    'v2-msc': ('deeplabv2_r101_mini-voc', ['model.backbone.depth=50', 'model.scales=(1.0,0.5)']),
    'v3': ('deeplabv3_r50_mini-voc', NARROW),
    'lraspp': ('lraspp_mobilenetv3_voc', []),
    'voc-recipe': (VOC, ['train_dataloader.batch_size=4']),
}
SHORT = ('v1', 'v2-msc', 'v3', 'lraspp')  # large networks: one step
COUNTED = 'voc-recipe'  # its second step of three
# A third of a gigabyte a file: one of weights alone.
LARGE = ['default_hooks.checkpoint.save_best=None', 'default_hooks.checkpoint.save_optimizer=False']
RANKS: dict[str, tuple[str, list[str]]] = {
    'fp32': (MOBILE, [FLOAT]),
    'fp16': (MOBILE, [AMP]),
    'bf16': (MOBILE, [BF16]),
    'channels-last': (MOBILE, ['channels_last=True']),
    'recompute': (MOBILE, [FLOAT, RECOMPUTE]),
}
EVALUATED = {
    'whole': [],
    'slide': ['--mode', 'slide', '--window', '49', '--stride', '33'],
    'bands': ['--mode', 'bands', '--window', '49', '--stride', '33'],
    'scales': ['--tta'],
    'borders': ['--trimap', '2', '--boundary'],
}


def shallow() -> None:
    """MobileNetV2 with one block a row, ResNet-50 with one unit a block: all strides are there."""
    from mmdeeplab.models.backbones import mobilenet_v2, resnet

    resnet.UNITS[50] = (1, 1, 1, 3)  # the last has a multi-grid
    rows = [(factor, width, 1, stride) for factor, width, _, stride in mobilenet_v2.TABLE]
    mobilenet_v2.TABLE = tuple(rows)


def config_of(folder: Path, name: str) -> str:
    """The file of a config, for :func:`shallow` where it is of MobileNetV2."""
    shipped = ROOT / f'configs/{name}.py'
    if name != MOBILE:
        return str(shipped)
    own = folder / f'config{os.environ.get("RANK", "")}'
    own.mkdir(exist_ok=True)
    path = own / f'{name}.py'
    path.write_text(
        f'_base_ = {str(shipped)!r}\nmodel = dict(decode_head=dict(in_channels=(96, 256)))\n'
    )
    return str(path)


def train(folder: Path, config: str, settings: list[str], ranks: bool = False) -> int:
    """``tools/train.py``."""
    from mmdeeplab.cli.train import main

    argv = [config_of(folder, config), '--data-root', str(folder / 'data')]
    argv += ['--work-dir', str(folder / 'work')] + ['--launcher', 'pytorch'] * ranks
    argv += ['--no-preflight', '--no-check'] * (folder.name != 'fp32')
    steps = 1 if folder.name in SHORT else 3 if ranks or folder.name == COUNTED else 2
    length = [f'train_cfg.max_iters={steps}', f'train_cfg.val_interval={steps}']
    large = LARGE if folder.name in (*SHORT, COUNTED) else []
    return main([*argv, '--cfg-options', *TINY, *length, *large, *settings])


def evaluate(folder: Path, options: list[str]) -> int:
    """``tools/test.py`` with what the first case has trained."""
    from mmdeeplab.cli.test import main

    argv = [config_of(folder, MOBILE), str(folder.parent / 'fp32/work')]
    argv += ['--data-root', str(folder / 'data'), '--work-dir', str(folder / 'work')]
    return main([*argv, '--out', str(folder / 'out'), *options, '--cfg-options', *TINY])


def predict(folder: Path) -> int:
    """``tools/predict.py``, on the GPU that it finds."""
    from mmdeeplab.cli.predict import main

    argv = [str(folder / 'data/JPEGImages'), '--model', config_of(folder, MOBILE)]
    argv += ['--checkpoint', str(folder.parent / 'fp32/work'), '--out', str(folder / 'out')]
    return main(argv)


def predict_one(folder: Path) -> dict:
    """One more picture of a predictor; what it costs."""
    import numpy as np
    from pretend import counting

    from mmdeeplab.inference.predictor import DeepLabPredictor

    work = folder.parent / 'fp32/work'
    picture = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    found = {}
    for name, keep in dict(labels=False, scores=True).items():
        predictor = DeepLabPredictor(config_of(folder, MOBILE), work, keep_logits=keep)
        predictor(picture)
        with counting() as counts:
            predictor(picture)
        found[name] = counts.report()
    return found


def sync_norm(folder: Path) -> int:
    """SyncBN gives the bits of PyTorch's: outputs, gradients and running statistics."""
    import torch
    from torch import nn

    from mmdeeplab.engine.distributed.process_group import join
    from mmdeeplab.models.norms.sync_batch_norm import SyncBatchNorm

    if not torch.distributed.is_initialized():
        join(60)
    generator = torch.Generator().manual_seed(torch.distributed.get_rank())
    x, slope = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(2))
    for order in (torch.contiguous_format, torch.channels_last):
        found = []
        for kind in (SyncBatchNorm, nn.SyncBatchNorm):
            layer = kind(3).cuda()
            given = x.to('cuda').contiguous(memory_format=order).requires_grad_()
            out = layer(given)
            out.backward(slope.to('cuda'))
            given_back = [given.grad, layer.weight.grad, layer.bias.grad, *layer.buffers()]
            found.append([t.detach().cpu() for t in (out, *given_back)])
        if not all(map(torch.equal, *found)):
            return 1
    return 0


def skipped_steps(folder: Path) -> int:
    """A fused optimiser, told on the GPU to skip, leaves what one without such a step leaves."""
    import copy
    from math import inf, nan

    import torch
    from mmengine.optim import OptimWrapper
    from torch import nn

    from mmdeeplab.engine.optim.non_finite import guarded

    first = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 1))
    batches = torch.randn(5, 2, 3, 4, 4)
    sgd, momentum = partial(torch.optim.SGD, lr=0.1), dict(momentum=0.9)
    kinds = (
        *(sgd, partial(sgd, **momentum), partial(sgd, **momentum, nesterov=True)),
        *(partial(sgd, **momentum, dampening=0.5), partial(torch.optim.Adam, lr=0.1)),
        *(partial(torch.optim.AdamW, lr=0.1), partial(torch.optim.AdamW, lr=0.1, amsgrad=True)),
    )
    for kind in kinds:
        model, undisturbed = (copy.deepcopy(first).cuda() for _ in range(2))
        wrapper = guarded(OptimWrapper)(kind(model.parameters(), fused=True))
        plain = kind(undisturbed.parameters(), fused=True)
        for batch, spoil in zip(batches, (nan, 0, inf, nan, 0), strict=True):
            with wrapper.optim_context(model):
                loss = model(batch.cuda()).square().mean() + spoil
            wrapper.update_params(loss)
            if spoil == 0:
                undisturbed(batch.cuda()).square().mean().backward()
                plain.step()
                plain.zero_grad()
            if (wrapper.guard.what != '') != (spoil != 0):
                return 1
            wrapper.guard.what = ''
        if (wrapper.guard.skipped, wrapper.guard.in_a_row) != (3, 0):
            return 2
        pairs = zip(model.state_dict().values(), undisturbed.state_dict().values(), strict=True)
        if not all(torch.equal(*pair) for pair in pairs):
            return 3
    return 0


def export(folder: Path) -> int:
    """``tools/export.py``, whose network is on the CPU also where there is a GPU."""
    from mmdeeplab.cli.export import main

    argv = [config_of(folder, MOBILE), str(folder.parent / 'fp32/work')]
    argv += ['--format', 'torchscript', '--verify', str(folder / 'data/JPEGImages')]
    return main([*argv, '--images', '2', '--size', '65', '65', '--out', str(folder / 'net.pt')])


ONE: dict[str, Callable[[Path], Any]] = {
    **{name: partial(train, config=c, settings=s) for name, (c, s) in TRAINED.items()},
    **{f'test-{name}': partial(evaluate, options=options) for name, options in EVALUATED.items()},
    'skipped-steps': skipped_steps,
    'predict': predict,
    'predict-one': predict_one,
    'export': export,
}
TWO: dict[str, Callable[[Path], Any]] = {
    **{name: partial(train, config=c, settings=s, ranks=True) for name, (c, s) in RANKS.items()},
    'sync-norm': sync_norm,
}
