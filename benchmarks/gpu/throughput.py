"""Steps of training in turns, beside the peers', and what the card can do at most."""

import gc
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

import torch
from mmengine.registry import init_default_scope

from benchmarks.case import OURS, Comparison, Skip, Variant, Work
from benchmarks.cases.inference import MMSEG_R50, MMSEG_SMALL, R50, SMALL, XCEPTION
from benchmarks.gpu import steps
from benchmarks.gpu.job import Job
from benchmarks.run import record
from mmdeeplab.models.tf32 import set_tf32

GIGA = 1e9


def rates(job: Job) -> None:
    """The best of many: large matrix products in each number format, and a copy."""
    side, bulk = job.of(8192, 64), job.of(2**28, 2**10)
    a, b = torch.randn(2, side, side, device=job.device)
    narrow = a.bfloat16(), b.bfloat16()
    source, copy = torch.zeros(2, bulk, device=job.device)
    work = 2.0 * side**3
    tasks: dict[str, tuple[bool, Callable[[], object], float]] = {
        'fp32': (False, lambda: a @ b, work),
        'tf32': (True, lambda: a @ b, work),
        'bf16': (False, lambda: narrow[0] @ narrow[1], work),
        'copy': (False, lambda: copy.copy_(source), 8.0 * bulk),
    }
    for name, (tf32, call, amount) in tasks.items():
        set_tf32(tf32)
        seconds = best(job, call)
        if job.rated:
            unit = 'GB/s' if name == 'copy' else 'GFLOP/s'
            value = amount / GIGA / seconds
            job.keep(dict(what=name, found=f'{value:.0f} {unit}', wanted='', met=None, rate=value))
        else:
            job.note(name, 'ran')


def best(job: Job, call: Callable[[], object], calls: int = 10) -> float:
    """The fewest seconds of a call, of five rounds of ``calls``."""
    calls = job.of(calls, 1)
    seconds = []
    for _ in range(job.rounds):
        job.wait()
        start = time.perf_counter()
        for _ in range(calls):
            call()
        job.wait()
        seconds.append((time.perf_counter() - start) / calls)
    return min(seconds)


def xception(job: Job) -> None:
    """Xception-65 v3+ in each format, beside smp's."""
    peer, ours = smp_of(job), partial(steps.ours, job, SMALL if job.tiny else XCEPTION)
    compare(
        job,
        'Xception-65 v3+',
        {
            'smp fp32': peer,
            'smp bf16': partial(peer, amp=True),
            'smp bf16, channels last': partial(peer, amp=True, channels_last=True),
            'fp32': ours,
            'bf16': partial(ours, amp=True),
            'bf16, channels last': partial(ours, amp=True, channels_last=True),
        },
    )


def resnet(job: Job) -> None:
    """ResNet-50 v3+ at output stride 8 in each format, beside mmseg's."""
    peer = partial(steps.mmseg, job, MMSEG_SMALL if job.tiny else MMSEG_R50)
    ours = partial(steps.ours, job, SMALL if job.tiny else R50)
    compare(
        job,
        'ResNet-50 v3+',
        {
            'mmseg fp32': peer,
            'mmseg bf16': partial(peer, amp=True),
            'fp32': ours,
            'bf16': partial(ours, amp=True),
            'bf16, channels last': partial(ours, amp=True, channels_last=True),
        },
    )


def compiled(job: Job) -> None:
    """Backbone and neck compiled, beside the same without."""
    beside_eager(job, 'backbone and neck compiled', 'parts')


def compiled_step(job: Job) -> None:
    """All of a step compiled, as ``compile=True`` asks for.

    Raises:
        Skip: At the sizes of a test, which its tracing outlasts.
    """
    if job.tiny:
        raise Skip('at the sizes of a test tracing a step takes too long')
    beside_eager(job, 'compile=True', 'step')


def beside_eager(job: Job, words: str, compiled: str) -> None:
    """Ours in bfloat16, channels last, compiled and not."""
    ours = partial(steps.ours, job, SMALL if job.tiny else XCEPTION, amp=True, channels_last=True)
    name = 'bf16, channels last'
    ways = {name: ours, f'{name}, {words}': partial(ours, compiled=compiled)}
    compare(job, 'Xception-65 v3+', ways)


def compiled_peer(job: Job) -> None:
    """smp's network under ``torch.compile``."""
    way = partial(smp_of(job), amp=True, channels_last=True, compiled=True)
    compare(job, 'Xception-65 v3+', {'smp bf16, channels last, compiled': way})


def smp_of(job: Job) -> Callable[..., Work]:
    return partial(steps.smp, job, 'mobilenet_v2' if job.tiny else 'tu-xception65')


def compare(job: Job, network: str, ways: Mapping[str, Callable[[], Work]]) -> None:
    """Time the ways in turns; a first look at each is kept before."""
    init_default_scope('mmseg')
    names = list(ways)[:: job.of(1, max(len(ways) - 1, 1))]  # of a test: the first and the last
    torch.backends.cudnn.benchmark = True  # as our configs have it, for the peers, too
    variants = [
        Variant(name, partial(prepared, job, name, ways[name]), origin(name)) for name in names
    ]
    result = record(Comparison(network, tuple(variants), names[0], unit='image'), job)
    for row in result['rows']:
        if 'skipped' in row:
            job.note(row['name'], f'left out: {row["skipped"]}')
        elif not job.rated:
            job.note(row['name'], 'ran')
        else:
            milliseconds = median(row['times'])
            words = f'{1e3 / milliseconds:.1f} images a second'
            about = dict(what=row['name'], found=words, wanted='', met=None, network=network)
            job.keep(row | about)


def origin(name: str) -> str:
    first = name.split()[0]
    return first if first in ('smp', 'mmseg') else OURS


def prepared(job: Job, name: str, way: Callable[[], Work]) -> Work:
    """A way that has run once; what fails is left out with its error.

    Raises:
        Skip: It cannot run here.
    """
    try:
        work = way()
        start = time.perf_counter()
        work.call()
        seconds = (time.perf_counter() - start) / work.units
    except Skip:
        raise
    except Exception as error:
        traceback.print_exc()
        gc.collect()
        raise Skip(f'{type(error).__name__}: {" ".join(str(error).split())}'[:300]) from error
    if job.rated:
        job.note(f'{name}, a first look', f'{1 / seconds:.1f} images a second')
    return work
