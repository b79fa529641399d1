"""Training steps to time: ours as the Runner makes them, the peers' as their users write them."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import networks
from benchmarks.case import Skip, Work
from benchmarks.cases.train import CLASSES, VOID, target
from benchmarks.gpu.job import Job
from mmdeeplab.config.changes import with_settings
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.engine.runner import DeepLabRunner

BF16 = 'optim_wrapper.type=mmdeeplab.AutocastOptimWrapper'
FP32 = 'optim_wrapper.type=OptimWrapper'
SGD: dict[str, Any] = dict(lr=1e-3, momentum=0.9, weight_decay=4e-5)
BATCH, SIDE, MEBI = 16, 513, 2**20
PASSES = 3  # forward, and the gradients of maps and of weights


def shape(job: Job) -> tuple[int, int]:
    """Images of a step, and their side."""
    return job.of(BATCH, 2), job.of(SIDE, 65)


def ours(
    job: Job, config: str, amp: bool = False, channels_last: bool = False, compiled: str = ''
) -> Work:
    """The model and the optimiser of a Runner, fed with crops as the loader gives them.

    ``compiled``: ``step`` as by the config's ``compile=True``; ``parts`` backbone and neck alone.
    """
    side = shape(job)[1]
    options = [BF16 if amp else FP32, f'channels_last={channels_last}', 'bn_policy=train']
    options += [f'model.data_preprocessor.size=({side},{side})']
    work_dir = str(job.folder / f'runner-{time.monotonic_ns()}')
    settings = partial(with_settings, values=dict(work_dir=work_dir, log_level='ERROR'))
    cfg = load_config(config, ConfigOptions(options), [settings])
    counted = macs(MODELS.build(cfg.model), side)
    base = memory(job)
    runner = DeepLabRunner.from_cfg(cfg)
    runner.model.train()
    wrapper = runner.build_optim_wrapper(cfg.optim_wrapper)
    images, labels = crops(job)
    train_step: Any = runner.model.train_step
    if compiled == 'step':
        train_step = torch.compile(train_step, backend=compiler(job))
    elif compiled:
        for part in (runner.model.neck, runner.model.backbone)[: job.of(2, 1)]:
            part.compile(backend=compiler(job))

    def step() -> object:
        return train_step(dict(inputs=list(images), data_samples=samples(labels)), wrapper)

    return ready(job, step, runner.model, counted, amp, base)


def mmseg(job: Job, config: str, amp: bool = False) -> Work:
    """mmsegmentation's network without its auxiliary head, by its own ``train_step``."""
    import mmseg as package

    side = shape(job)[1]
    path = Path(package.__file__).parent / '.mim/configs' / f'{config}.py'
    if not path.is_file():
        raise Skip(f'this mmsegmentation ships no {path.name}')
    if amp and job.device == 'cpu':
        raise Skip("MMEngine's AmpOptimWrapper is for GPUs")
    cfg = Config.fromfile(path).model
    cfg.auxiliary_head, cfg.decode_head.num_classes = None, CLASSES
    cfg.data_preprocessor.size = (side, side)
    model = revert_sync_batchnorm(MODELS.build(cfg))
    counted, base = macs(model, side), memory(job)
    model = model.to(job.device).train()
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    wrapper_type = partial(AmpOptimWrapper, dtype='bfloat16') if amp else OptimWrapper
    wrapper = wrapper_type(optimizer=optimizer)
    images, labels = crops(job)

    def step() -> object:
        data = dict(inputs=list(images), data_samples=samples(labels.long()))
        return model.train_step(data, wrapper)

    return ready(job, step, model, counted, amp, base)


def smp(
    job: Job, encoder: str, amp: bool = False, channels_last: bool = False, compiled: bool = False
) -> Work:
    """segmentation_models_pytorch's network in a plain loop; its sides are multiples of 16."""
    batch, side = shape(job)
    side = side // 16 * 16
    module = networks.require('segmentation_models_pytorch')
    model = module.DeepLabV3Plus(encoder, encoder_weights=None, classes=CLASSES)
    counted, base = macs(model, side), memory(job)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(job.device, memory_format=layout).train()
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    images, labels = torch.randn(batch, 3, side, side), target(batch, side)
    if job.device == 'cuda':
        images, labels = images.pin_memory(), labels.pin_memory()
    if compiled:
        (model.segmentation_head if job.tiny else model).compile(backend=compiler(job))

    def step() -> object:
        optimizer.zero_grad()
        x = images.to(job.device, non_blocking=True).contiguous(memory_format=layout)
        with torch.autocast(job.device, torch.bfloat16, enabled=amp):
            logits = model(x)
        y = labels.to(job.device, non_blocking=True)
        loss = F.cross_entropy(logits.float(), y, ignore_index=VOID)
        loss.backward()
        optimizer.step()
        return loss

    return ready(job, step, model, counted, amp, base)


def ready(
    job: Job, step: Callable[[], object], model: nn.Module, counted: int, amp: bool, base: float
) -> Work:
    """Several steps and the wait for them as one call, warmed up; the memory of a step is noted."""
    batch, steps = shape(job)[0], job.of(4, 1)

    def call() -> None:
        for _ in range(steps):
            step()
        job.wait()

    for _ in range(job.of(3, 1)):
        step()
    notes = {}
    if job.rated:
        torch.cuda.reset_peak_memory_stats()
        call()
        notes = {'memory': f'{torch.cuda.max_memory_allocated() / MEBI - base:.0f} MiB'}
    units, count = steps * batch, networks.parameters(model)
    limit = 'bf16' if amp else 'tf32'  # PyTorch's convolutions of float32 may use TF32
    return Work(call, units, count, PASSES * counted * units, limit, notes=notes)


def compiler(job: Job) -> str:
    return 'eager' if job.tiny else 'inductor'


def memory(job: Job) -> float:
    """Memory of the card in MiB that other networks hold."""
    return torch.cuda.memory_allocated() / MEBI if job.rated else 0.0


def macs(model: nn.Module, side: int) -> int:
    """Multiply-adds of one image, forward, before the network is anywhere else than on the CPU."""
    network: Any = model.eval()
    forward = network._forward if hasattr(network, '_forward') else network
    return networks.multiply_adds(forward, (1, 3, side, side))


def crops(job: Job) -> tuple[Tensor, Tensor]:
    """Bytes as our loader gives them: (N, 3, H, W) images, pinned, and (N, H, W) labels."""
    batch, side = shape(job)
    images = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8)
    return images.pin_memory() if job.device == 'cuda' else images, target(batch, side).byte()


def samples(labels: Tensor) -> list[SegDataSample]:
    """Labels as mmsegmentation's pipelines pack them."""
    size = labels.shape[1:]
    packed = []
    for label in labels:
        sample = SegDataSample(metainfo=dict(img_shape=tuple(size), ori_shape=tuple(size)))
        sample.set_data(dict(gt_sem_seg=PixelData(data=label[None])))
        packed.append(sample)
    return packed
