"""What is compared, and what the papers found (arXiv 1802.02611, tables 3 and 5, stride 16)."""

from dataclasses import asdict, dataclass

BANDS = (1, 2, 4, 8)
"""Widths of the bands around borders, in pixels."""


@dataclass(frozen=True)
class Variant:
    """One network of the comparison.

    Attributes:
        name: What ``--only`` takes.
        title: What the table shows.
        config: Path from the checkout's root.
        published: Difference in mIoU to the base, on VOC val.
        published_cost: Difference in multiply-adds to the base.
    """

    name: str
    title: str
    config: str
    published: str = 'none'
    published_cost: str = 'none'


VARIANTS = (
    Variant(
        'base',
        'DeepLabv3+: Xception-65, separable ASPP, decoder',
        'configs/deeplabv3plus_xception_mini-voc.py',
        '-',
        '-',
    ),
    Variant(
        'no-decoder',
        'no decoder',
        'configs/ablation/deeplabv3_xception_mini-voc.py',
        '-1.64 on ResNet-101, -0.76 on Xception-65',
        '-20 % on ResNet-101, -24 % on Xception-65',
    ),
    Variant(
        'resnet101',
        'ResNet-101 for Xception-65',
        'configs/ablation/deeplabv3plus_r101-beta_mini-voc.py',
        '-1.96 without decoder, -1.08 with it',
        '+19 % without decoder, +13 % with it',
    ),
    Variant(
        'plain',
        'plain for separable convolutions',
        'configs/ablation/deeplabv3plus_xception-plain_mini-voc.py',
        '+0.14',
        '+66 %',
    ),
    Variant(
        'spp',
        'pooling pyramid for ASPP',
        'configs/ablation/deeplabv3plus_xception-spp_mini-voc.py',
    ),
)


@dataclass(frozen=True)
class Run:
    """One training and its evaluation."""

    variant: Variant
    seed: int

    @property
    def name(self) -> str:
        return f'{self.variant.name}-seed{self.seed}'


@dataclass(frozen=True)
class Settings:
    """What all runs of a table share.

    Attributes:
        data: Folder of the data, in VOC's layout.
        iters: Training iterations.
        options: ``KEY=VALUE`` overrides of every config.
        encoder: SHA-256 of the checkpoint whose encoder all heads have; None for other networks.
        frozen: Whether it stays as it is.
    """

    data: str
    iters: int
    options: tuple[str, ...] = ()
    encoder: str | None = None
    frozen: bool = True

    def as_json(self) -> dict:
        return {**asdict(self), 'options': list(self.options)}


def plan(names: list[str], seeds: int) -> list[Run]:
    """Runs of the named variants; all of a seed before the next, so that a part is a comparison."""
    return [Run(v, seed) for seed in range(seeds) for v in VARIANTS if v.name in names]
