"""Networks: backbone -> neck -> decode head."""

import contextlib
import io
import warnings

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    # As in mmdeeplab.datasets: mmcv announces on import that it has no compiled ops.
    warnings.simplefilter('ignore')
    import mmseg.models  # noqa: F401

from mmdeeplab.inference import crf_model, multi_scale, sliding
from mmdeeplab.models import backbones, data_preprocessor, decode_heads, necks, segmentors

__all__ = [
    'backbones',
    'crf_model',
    'data_preprocessor',
    'decode_heads',
    'multi_scale',
    'necks',
    'segmentors',
    'sliding',
]
