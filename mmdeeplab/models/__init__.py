"""Networks: backbone -> neck -> decode head."""

from mmdeeplab.checkpoint import mmengine_loader  # noqa: F401  MMEngine reads our checkpoints by it
from mmdeeplab.inference import crf_model, multi_scale, sliding
from mmdeeplab.models import (
    backbones,
    data_preprocessor,
    decode_heads,
    losses,
    necks,
    segmentors,
)

__all__ = [
    'backbones',
    'crf_model',
    'data_preprocessor',
    'decode_heads',
    'losses',
    'multi_scale',
    'necks',
    'segmentors',
    'sliding',
]
