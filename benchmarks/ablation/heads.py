"""Heads on a trained, frozen encoder: what is compared, and what the papers found."""

from dataclasses import dataclass
from typing import Any

from benchmarks.ablation.plan import Run, Variant

CONFIG = 'configs/deeplabv3_mobilenetv2-coral_voc.py'
WITH_DECODER = 'configs/deeplabv3plus_mobilenetv2_voc.py'
NORM = dict(type='BN', eps=1e-5, momentum=0.1)  # heads that learn for some hundred steps
ASPP = dict(type='mmdeeplab.ASPPNeck', in_channels=320, separable=True, norm_cfg=NORM)
SPP = dict(type='mmdeeplab.SPPNeck', in_channels=320, norm_cfg=NORM)


@dataclass(frozen=True)
class Head(Variant):
    """One set of layers behind the encoder.

    Attributes:
        base: Name of the variant that this one is compared with; its own for a base.
        neck: Config of the neck, trained on the backbone's last map; None where the trained
            network's own neck is a part of the frozen encoder.
        decoder: Settings of the decoder; None for a 1x1 classifier.
        finer: What the paper found when it tested at output stride 8; empty if it is not tested.
    """

    base: str = ''
    neck: dict[str, Any] | None = None
    decoder: dict[str, Any] | None = None
    finer: str = ''


HEADS = (
    Head('no-decoder', 'no decoder: a 1x1 classifier at stride 16', CONFIG, '-', base='no-decoder'),
    Head(
        'decoder', 'decoder, separable', WITH_DECODER, '+1.64 on ResNet-101, +0.76 on Xception-65',
        base='no-decoder', decoder={},
    ),
    Head(
        'decoder-plain', 'decoder, plain convolutions', WITH_DECODER,
        base='no-decoder', decoder=dict(separable=False),
    ),
    Head(
        'aspp', 'ASPP 6/12/18, separable', CONFIG, '-',
        base='aspp', neck=ASPP, finer='+1.30 on ResNet-101',
    ),
    Head(
        'aspp-plain', 'ASPP, plain convolutions', CONFIG, '+0.14, decoder included',
        base='aspp', neck=ASPP | dict(separable=False),
    ),
    Head(
        'aspp-no-pooling', 'ASPP without image pooling', CONFIG, '+0.35 on Cityscapes',
        base='aspp', neck=ASPP | dict(image_pooling=False),
    ),
    Head('spp', 'pooling pyramid for ASPP', CONFIG, base='aspp', neck=SPP),
)  # fmt: skip


def plan_heads(names: list[str], seeds: int) -> list[Run]:
    """Runs of the named heads; all of a seed before the next, so that a part is a comparison."""
    return [Run(head, seed) for seed in range(seeds) for head in HEADS if head.name in names]
