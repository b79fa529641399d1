"""A training step: forward, loss, backward, update; batch 4 at 257."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import networks
from benchmarks.case import Comparison, Scale, Skip, Variant, Work
from benchmarks.cases.inference import SMALL, XCEPTION
from mmdeeplab.engine.optim.amp import AutocastOptimWrapper
from mmdeeplab.engine.optim.memory_format import apply_memory_options
from mmdeeplab.engine.optim.non_finite import guarded
from mmdeeplab.processor import has_bf16

# Less memory than half of smp's in float32.
HALF = (
    *(f'backbone.entry_flow.{i}' for i in range(3)),
    *(f'backbone.middle_flow.{i}' for i in range(16)),
    'decode_head.stages.0',
)
CLASSES, VOID, MEBI = 21, 255, 2**20
Step = Callable[[], Tensor]


def setup(scale: Scale) -> list[Comparison]:
    """Our steps beside smp's networks as a plain loop trains them."""
    side, batch = scale.of(257, 33), scale.of(4, 2)
    size = f'v3+, {batch} x {side} x {side}'
    small = compare(f'MobileNetV2, {size}', 'mobilenet_v2', SMALL, {}, (), side, batch)
    if scale.tiny:
        return [small]
    goals = {'ours, channels last': 1.25, 'ours, channels last, bf16': 2.0}
    large = compare(f'Xception-65, {size}', 'tu-xception65', XCEPTION, goals, HALF, side, batch)
    return [large, small]


def compare(
    title: str,
    encoder: str,
    config: str,
    goals: dict[str, float],
    parts: Sequence[str],
    side: int,
    batch: int,
) -> Comparison:
    """Compare our training steps with smp's network in a plain fp32 loop, the reference."""
    first = f'smp {encoder}'
    ours = partial(our_work, config, side, batch)
    variants: tuple[Variant, ...] = (
        Variant(first, partial(smp, encoder, side, batch), 'smp'),
        Variant(f'{first}, bf16 autocast', partial(smp, encoder, side, batch, True), 'smp'),
        Variant('ours', ours),
        Variant('ours, channels last', partial(ours, channels_last=True)),
        Variant('ours, channels last, bf16', partial(ours, amp=True, channels_last=True)),
    )
    if parts:
        again = partial(ours, amp=True, channels_last=True, recompute=parts)
        variants += (Variant('the same, flows computed again', again),)
    return Comparison(title, variants, first, unit='step', goals=goals)


def work(model: nn.Module, step: Step, forward: Step, limit: str) -> Work:
    """Count what one step keeps for its backward pass, and the work of a model.

    That is three forward passes (PyTorch's counter takes the gradients of depthwise convolutions
    for those of dense ones), also where parts are computed again.
    """
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    weight_pointers = {p.untyped_storage().data_ptr() for p in model.parameters()}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward()
    with saved_tensors_hooks(keep, lambda t: t):
        step()
    saved = sum(size for pointer, size in sizes.items() if pointer not in weight_pointers)
    notes = {'saved activations': f'{saved / MEBI:.0f} MiB'}
    count = networks.parameters(model)
    return Work(step, 1, count, 3 * counter.get_total_flops() // 2, limit, notes=notes)


def require_bf16(wanted: bool) -> None:
    """Skip bfloat16 where PyTorch would take minutes for a step, and ours would use float32."""
    if wanted and not has_bf16():
        raise Skip('this processor has no bfloat16')


def target(batch: int, side: int) -> Tensor:
    label = torch.randint(0, CLASSES, (batch, side // 8 + 1, side // 8 + 1))
    label = F.interpolate(label[:, None].float(), (side, side))[:, 0].long()
    label[:, :3] = VOID
    return label


def smp(encoder: str, side: int, batch: int, autocast: bool = False) -> Work:
    """A training step of smp's network in a plain loop; its sides are multiples of 16.

    Raises:
        Skip: smp is not installed, or the processor has no bfloat16.
    """
    require_bf16(autocast)
    side = side // 16 * 16
    module = networks.require('segmentation_models_pytorch')
    model = module.DeepLabV3Plus(encoder, encoder_weights=None, classes=CLASSES).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=4e-5)
    images, label = torch.randn(batch, 3, side, side), target(batch, side)

    def step() -> Tensor:
        optimizer.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(model(images).float(), label, ignore_index=VOID)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return work(model, step, lambda: model(images), 'bf16' if autocast else 'fp32')


def our_work(config: str, side: int, batch: int, amp: bool = False, **memory: Any) -> Work:
    """Our step as the Runner makes it: preprocessor, loss, guard, update.

    Raises:
        Skip: The processor has no bfloat16.
    """
    require_bf16(amp)
    model, _ = networks.network(config, **{'data_preprocessor.size': (side, side)})
    apply_memory_options(model, Config(memory))
    trained: Any = model.train()
    sgd = dict(lr=1e-3, momentum=0.9, weight_decay=4e-5, fused=True)
    optimizer = torch.optim.SGD(model.parameters(), **sgd)  # type: ignore[arg-type]
    wrapper_type = guarded(AutocastOptimWrapper if amp else OptimWrapper)
    wrapper = wrapper_type(optimizer=optimizer)
    images = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8)
    label = target(batch, side)

    def step() -> Tensor:
        samples = []
        for mask in label:
            sample = SegDataSample(metainfo=dict(img_shape=(side, side), ori_shape=(side, side)))
            samples.append(sample.set_data(dict(gt_sem_seg=PixelData(data=mask[None]))) or sample)
        data = dict(inputs=list(images), data_samples=samples)
        return trained.train_step(data, wrapper)['loss']

    def forward() -> Tensor:
        return trained(images.float(), mode='tensor')

    return work(model, step, forward, 'bf16' if amp else 'fp32')
