"""Processes that train together on the one card."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.case import Skip
from benchmarks.gpu.job import Job
from benchmarks.gpu.process import alone
from benchmarks.gpu.training import FP32, arguments, data, train
from mmdeeplab.config.shipped import HOME
from mmdeeplab.models.norms.sync_batch_norm import SyncBatchNorm
from mmdeeplab.report.history import read_history

LEFT = 128 + signal.SIGTERM
NEAR = 1e-5  # of float64's largest number
SHAPE = (4, 8, 9, 7)


def nccl(job: Job) -> None:
    """One process under torchrun: it trains, leaves on SIGTERM, and goes on."""
    work, seen = job.folder / 'work', job.of(20, 2)
    endless = 100_000
    argv = ['--no-preflight', '--no-check', *arguments(job, work, endless)]
    data(job)
    with (job.folder / 'torchrun.txt').open('w') as out:
        command = [str(HOME / 'tools/dist_train.sh'), argv[2], '1', *argv[:2], *argv[3:]]
        env = os.environ | dict(NCCL_DEBUG='VERSION')
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=env)
        start = time.monotonic()
        try:
            while child.poll() is None and steps_of(work) < seen:
                time.sleep(0.1)
            ready = time.monotonic() - start
            child.send_signal(signal.SIGTERM)
            start = time.monotonic()
            status = child.wait(60)
        finally:
            child.kill()
    text = (job.folder / 'torchrun.txt').read_text()
    version = re.search(r'NCCL version (\S+)', text)
    backend = f'NCCL {version[1]}' if version else 'NCCL' if job.device == 'cuda' else 'gloo'
    done = steps_of(work)
    words = f'{done} steps on {backend}, the first {seen} after {ready:.0f} s'
    job.note('one process under torchrun', words, f'{seen} steps at least', done >= seen)
    took = f'exit {status} after {time.monotonic() - start:.1f} s'
    job.note('SIGTERM', took, f'exit {LEFT}', status == LEFT)
    again = ['--resume', 'latest', '--no-check', '--no-preflight', *arguments(job, work, done + 2)]
    ended = alone(train, again, log=job.folder / 'resumed.txt', limit=60)
    words = f'exit {ended.status}, {steps_of(work)} steps'
    met = ended.status == 0 and steps_of(work) == done + 2
    job.note('the same, resumed', words, f'exit 0, {done + 2} steps', met)


def steps_of(work: Path) -> int:
    """How many steps the log of a work dir has."""
    losses = read_history(work).get('loss', [])
    return int(losses[-1][0]) if losses else 0


def syncbn(job: Job) -> None:
    """Two processes on one card: NCCL refuses that, gloo copies by way of the host.

    Raises:
        Skip: There is no GPU.
    """
    if job.device == 'cpu':
        raise Skip('there is no SyncBN on CPUs')
    data(job)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    ended = alone(two_ranks, job, port, log=job.folder / 'ranks.txt', limit=80)
    layer = job.folder / 'rank0.json'
    for name, value in (json.loads(layer.read_text()) if layer.is_file() else {}).items():
        words = f'{value:.1e} of the largest'
        job.note(f'SyncBN beside BatchNorm: {name}', words, f'at most {NEAR}', value <= NEAR)
    if ended.status or ended.late:
        raise RuntimeError(f'the ranks ended with {ended.status}: see ranks.txt of the piece')
    losses = read_history(job.folder / 'work')['loss']
    words = f'{len(losses)} steps, loss {losses[-1][1]:.3f}'
    job.note('training of two ranks', words, 'ends', True)


def two_ranks(job: Job, port: int) -> None:
    """Start both ranks and wait for them."""
    import multiprocessing

    start_method = 'spawn' if torch.backends.cuda.is_built() else 'fork'
    context: Any = multiprocessing.get_context(start_method)
    ranks = [context.Process(target=rank, args=(number, port, job)) for number in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
    if bad := [process.exitcode for process in ranks if process.exitcode]:
        raise SystemExit(bad[0] if bad[0] > 0 else 1)


def rank(number: int, port: int, job: Job) -> None:
    """Run one of the two ranks; both use the first card."""
    shared = dict(WORLD_SIZE=2, LOCAL_RANK=0, MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    os.environ.update({key: str(value) for key, value in (shared | dict(RANK=number)).items()})
    torch.distributed.init_process_group('gloo')
    torch.cuda.set_device(0)
    (job.folder / f'rank{number}.json').write_text(json.dumps(beside_batch_norm(number)))
    argv = arguments(job, job.folder / 'work', job.of(10, 2), [FP32])
    train(['--launcher', 'pytorch', '--no-check', '--no-preflight', *argv])
    torch.distributed.destroy_process_group()


def beside_batch_norm(number: int) -> dict[str, float]:
    """How far a rank's half is from BatchNorm of the whole batch in float64 on the CPU."""
    generator = torch.Generator().manual_seed(0)
    x, slope = (torch.randn(SHAPE, generator=generator) for _ in range(2))
    half = slice(2 * number, 2 * number + 2)
    truth, layer = nn.BatchNorm2d(SHAPE[1]).double(), SyncBatchNorm(SHAPE[1]).cuda()
    whole, part = x.double().requires_grad_(), x[half].cuda().requires_grad_()
    out, expected = layer(part), truth(whole)
    out.backward(slope[half].cuda())
    expected.backward(slope.double())
    assert part.grad is not None
    assert whole.grad is not None
    pairs = dict(
        output=(out, expected[half]),
        gradient=(part.grad, whole.grad[half]),
        mean=(layer.running_mean, truth.running_mean),
        variance=(layer.running_var, truth.running_var),
    )
    return {name: apart(*pair) for name, pair in pairs.items()}


def apart(actual: Any, truth: Any) -> float:
    """The largest difference, by the largest number of the truth."""
    difference: Tensor = actual.detach().cpu().double() - truth.detach()
    return float(difference.abs().max() / truth.detach().abs().max())
