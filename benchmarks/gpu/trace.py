"""What a profile tells: a trace in Chrome's format, as PyTorch's profiler writes it."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]
ON_DEVICE = ('kernel', 'gpu_memcpy', 'gpu_memset')
HOST_CALLS = ('cuda_runtime', 'cuda_driver')
LAUNCHES = ('cudaLaunchKernel', 'cuLaunchKernel', 'cudaGraphLaunch')
WAITS = ('cudaStreamSynchronize', 'cudaDeviceSynchronize', 'cudaEventSynchronize')
OPTIMISER = 'Optimizer.step'
KERNELS = 8  # named on the page
MILLI = 1e-3  # the trace counts microseconds


def read(path: Path) -> list[dict]:
    """The events of a trace, with a duration."""
    opened = gzip.open if path.suffix == '.gz' else open
    with opened(path, 'rt', encoding='utf-8') as file:
        return [event for event in json.load(file)['traceEvents'] if event.get('ph') == 'X']


def summary(events: Sequence[Event], steps: int) -> dict[str, Any]:
    """Of a trace of ``steps`` steps, each figure by the step; nothing where no kernel was seen.

    Returns:
        ``milliseconds`` of a step on the device, the shares ``gaps`` (nothing runs) and ``copies``
        (host to device and back) of it, ``optimiser`` (its span on the device, gaps included),
        numbers of ``kernels``, ``launches`` and ``waits`` of the host, ``copied`` kinds with
        milliseconds, and ``longest``: the kernels that take most, with their share.
    """
    device = [event for event in events if event.get('cat') in ON_DEVICE]
    if not device:
        return {}
    start = min(event['ts'] for event in device)
    window = max(event['ts'] + event['dur'] for event in device) - start
    copies = [event for event in device if event['cat'] == 'gpu_memcpy']
    kernels = [event for event in device if event['cat'] == 'kernel']
    host = Counter(event['name'] for event in events if event.get('cat') in HOST_CALLS)
    spans = [
        event for event in events
        if event.get('cat') == 'gpu_user_annotation' and event['name'].startswith(OPTIMISER)
    ]  # fmt: skip
    longest = by_name(kernels).most_common(KERNELS)
    return dict(
        milliseconds=window * MILLI / steps,
        gaps=1 - busy(device) / window,
        copies=busy(copies) / window,
        optimiser=busy(spans) / window if spans else None,
        kernels=len(kernels) / steps,
        launches=sum(n for name, n in host.items() if name.startswith(LAUNCHES)) / steps,
        waits=sum(n for name, n in host.items() if name.startswith(WAITS)) / steps,
        copied={name: time * MILLI / steps for name, time in by_name(copies).items()},
        longest={name: time / window for name, time in longest},
    )


def busy(events: Iterable[Event]) -> float:
    """Microseconds in which at least one of the events lasts."""
    total, end = 0.0, float('-inf')
    for event in sorted(events, key=lambda event: event['ts']):
        last = event['ts'] + event['dur']
        total += max(0.0, last - max(event['ts'], end))
        end = max(end, last)
    return total


def by_name(events: Iterable[Event]) -> Counter:
    """Total microseconds of the events of each name."""
    durations: Counter = Counter()
    for event in events:
        durations[event['name']] += event['dur']
    return durations
