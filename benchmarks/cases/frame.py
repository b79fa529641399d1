"""One frame of MLPerf's automotive suite: DeepLabv3+ with ResNet-50 on 2160 x 3840 pixels.

Its published medians, on 24 cores of a desktop processor: 6.20 s (PyTorch), 3.91 s (ONNX Runtime).
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import networks
from benchmarks.case import Comparison, Scale, Variant, Work
from benchmarks.cases.inference import FAST, SMALL, same

NETWORK = 'deeplabv3plus_r50-d8-mmseg_voc'
AT_16: dict[str, Any] = {'backbone.output_stride': 16, 'neck.rates': (6, 12, 18)}
HEIGHT, WIDTH = 2160, 3840
PYTORCH, ONNX = 6200, 3910  # milliseconds
WINDOW = 1025


def setup(scale: Scale) -> list[Comparison]:
    """Predict the frame whole and by overlapping windows; its memory stands beside each time."""
    size = (scale.of(HEIGHT, 65), scale.of(WIDTH, 97))
    config, options = (SMALL, {}) if scale.tiny else (NETWORK, AT_16)
    made = partial(networks.ours, config, side=size, folder=scale.folder, **options)
    windows = dict(mode='slide', window=scale.of(WINDOW, 65), stride=scale.of(WINDOW - 129, 49))
    variants = [
        Variant(name, partial(measured, partial(made, fast=way))) for name, way in FAST.items()
    ]
    by_windows = partial(made, fast=True, cut=windows)
    variants.append(Variant('fast, by windows', partial(measured, by_windows)))
    title = f'ResNet-50, v3+, output stride 16, a frame of {size[0]} x {size[1]}'
    bounds = {'fast bf16': PYTORCH, 'fast int8': ONNX}
    return [Comparison(title, tuple(variants), 'eager', agree=same, truth='eager', bounds=bounds)]


def measured(make: partial[Work]) -> Work:
    """A work, with a note of the memory that one call adds to the process."""
    work = make()
    work.call()  # makes what later calls reuse
    Path('/proc/self/clear_refs').write_text('5')  # resets the peak
    before = _resident('VmRSS')
    work.call()
    work.notes['memory'] = f'{_resident("VmHWM") - before:.0f} MiB'
    return work


def _resident(key: str) -> float:
    """Memory of this process in MiB, as Linux counts it under ``key``."""
    match = re.search(rf'{key}:\s*(\d+) kB', Path('/proc/self/status').read_text())
    assert match is not None
    return int(match[1]) / 1024
