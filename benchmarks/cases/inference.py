"""A picture in, its labels out: whole programs, batch 1, eager and fast."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.case import Comparison, Scale, Variant, Work

FAST: dict[str, bool | str] = {
    'eager': False,
    'fast': True,
    'fast bf16': 'bf16',
    'fast int8': 'int8',
}
XCEPTION, R50, SMALL = (
    'deeplabv3plus_xception_voc',
    'deeplabv3plus_r50-d8-mmseg_voc',
    'deeplabv3plus_mobilenetv2_voc',
)
MMSEG_R50 = 'deeplabv3plus/deeplabv3plus_r50-d8_4xb4-20k_voc12aug-512x512'
MMSEG_SMALL = 'mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb4-160k_ade20k-512x512'


def setup(scale: Scale) -> list[Comparison]:
    """Networks of all kinds at one size."""
    side = scale.of(513, 33)
    small = compare(
        'MobileNetV2, v3+, output stride 16',
        peer('smp', 'mobilenet_v2', partial(networks.smp, 'mobilenet_v2', side)),
        (
            smp_by_openvino('mobilenet_v2', side),
            *ways(SMALL, side, scale),
            peer('mmseg', 'MobileNetV2-d8', partial(networks.mmseg, MMSEG_SMALL, side)),
        ),
        {'fast': 1.9},
    )
    if scale.tiny:  # the others take a test too long to build
        return [small]
    large = [
        compare(
            'Xception-65, v3+, output stride 16',
            peer('smp', 'tu-xception65', partial(networks.smp, 'tu-xception65', side)),
            (smp_by_openvino('tu-xception65', side), *ways(XCEPTION, side, scale)),
            {'fast': 1.5, 'fast bf16': 3.2, 'fast int8': 5},
        ),
        compare(
            "Xception-65, v3+, stride 16, beside mmsegmentation's R-50-d8 by its own API",
            peer('mmseg', 'R-50-d8', partial(networks.mmseg, MMSEG_R50, side)),
            ways(XCEPTION, side, scale),
            {'fast': 4.5, 'fast bf16': 10, 'fast int8': 15},
        ),
    ]
    return [*large, small, *same_networks(side, scale), strides(side, scale)]


def compare(
    title: str,
    reference: Variant,
    variants: tuple[Variant, ...],
    goals: dict[str, float] | None = None,
) -> Comparison:
    """Compare our ways with a peer, the reference; they must give our eager labels."""
    every = (reference, *variants)
    return Comparison(title, every, reference.name, goals=goals or {}, agree=same, truth='eager')


def same(expected: np.ndarray, labels: np.ndarray) -> str:
    """Share of pixels with equal labels."""
    return f'labels as eager {np.mean(expected == labels):.4f}'


def peer(of: str, name: str, prepare: Callable[[], Work]) -> Variant:
    return Variant(f'{of} {name}', prepare, of)


def smp_by_openvino(encoder: str, side: int, batch: int = 1, classes: int = 21) -> Variant:
    """smp's network as its users export it, beside our ``fast``."""
    make = partial(networks.smp, encoder, side, batch, classes, by_openvino=True)
    return Variant(f'smp {encoder} by OpenVINO', make, 'smp')


def ways(
    config: str, side: int, scale: Scale, names: tuple[str, ...] = tuple(FAST), **options: Any
) -> tuple[Variant, ...]:
    """The modes of our predictor as variants."""
    return tuple(
        Variant(
            name,
            partial(networks.ours, config, side, scale.folder, fast=FAST[name], **options),
        )
        for name in names
    )


def same_networks(side: int, scale: Scale) -> list[Comparison]:
    """Compare the peers' networks in our code with the peers' code."""
    rows = [
        ('mmseg', 'R-50-d8', partial(networks.mmseg, MMSEG_R50, side), R50, {}),
        (
            'smp',
            'resnet50',
            partial(networks.smp, 'resnet50', side),
            'deeplabv3plus_r101-smp_voc',
            {'backbone.depth': 50},
        ),
        (
            'torchvision',
            'deeplabv3_resnet50',
            partial(networks.torchvision, 'deeplabv3_resnet50', side),
            'deeplabv3_r101-torchvision_voc',
            {'backbone.depth': 50},
        ),
    ]
    return [
        compare(
            f"{of}'s own {name} in our code",
            peer(of, name, prepare),
            (
                *((smp_by_openvino(name, side),) if of == 'smp' else ()),
                *ways(config, side, scale, ('eager', 'fast'), **options),
            ),
        )
        for of, name, prepare, config, options in rows
    ]


def strides(side: int, scale: Scale) -> Comparison:
    """Compare our modes at output stride 8; our plain path is the reference."""
    overrides: dict[str, Any] = {'backbone.output_stride': 8, 'neck.rates': (12, 24, 36)}
    variants = ways(XCEPTION, side, scale, **overrides)
    title, goals = 'Xception-65, v3+, output stride 8', {'fast': 2, 'fast bf16': 2}
    return Comparison(title, variants, 'eager', goals=goals, agree=same, truth='eager')
