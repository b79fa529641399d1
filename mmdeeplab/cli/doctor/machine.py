"""Find what is wrong with devices, disk and memory."""

from collections.abc import Iterator

from mmdeeplab.cli.doctor.facts import GIB, Facts
from mmdeeplab.cli.doctor.finding import ERROR, WARNING, Finding
from mmdeeplab.cli.doctor.packages import pip

COMPILER = 'apt install gcc libc6-dev'  # Debian's names
WHEELS = 'https://download.pytorch.org/whl'
LEAST_DISK = 2 * GIB  # three checkpoints of the largest network, with room
LEAST_SHARED = GIB // 4  # four workers that hold two batches of 16 crops of 513 x 513 each


def judge_machine(facts: Facts) -> Iterator[Finding]:
    """Findings about devices, threads, disk, shared memory and cache folder."""
    yield from judge_devices(facts)
    yield from judge_kernels(facts)
    machine = facts.machine
    if facts.torch is not None and facts.torch.threads > machine.cores:
        words = (
            f'PyTorch starts {facts.torch.threads} threads where {machine.cores} cores may be '
            'used; they wait for each other'
        )
        yield Finding(WARNING, words, f'export OMP_NUM_THREADS={machine.cores}')
    if machine.disk < LEAST_DISK:
        words = f'{in_gib(machine.disk)} are free here; a run keeps checkpoints of up to 0.6 GiB'
        yield Finding(WARNING, words, 'mmdeeplab train CONFIG --work-dir DIR_ON_ANOTHER_DISK')
    if machine.shared is not None and machine.shared < LEAST_SHARED:
        words = (
            f'{in_gib(machine.shared)} are free in /dev/shm, through which data loaders hand over '
            'their batches (a container is started with --shm-size=8g)'
        )
        yield Finding(WARNING, words, 'mount -o remount,size=8G /dev/shm')
    if not machine.cache_writable:
        words = f'{machine.cache} cannot be written: data sets are checked anew in every run'
        yield Finding(WARNING, words, 'export MMDEEPLAB_CACHE="$PWD/.cache"')


def judge_kernels(facts: Facts) -> Iterator[Finding]:
    """Findings about a missing or failing C compiler, without which PyTorch does the work."""
    kernels = facts.kernels
    if kernels is None or kernels.off:
        return
    slower = 'channels-last training runs by PyTorch alone, slower'
    if not kernels.compiler:
        yield Finding(WARNING, f'there is no C compiler for the kernels: {slower}', COMPILER)
    elif kernels.error:
        words = f'{kernels.compiler} does not compile the C kernels ({kernels.error}): {slower}'
        yield Finding(WARNING, f'{words}; CC=PATH chooses another compiler', COMPILER)


def judge_devices(facts: Facts) -> Iterator[Finding]:
    """Findings about a PyTorch build that does not fit the GPUs of the machine."""
    torch = facts.torch
    if torch is None:
        return
    force = ('install', '--force-reinstall', 'torch')
    if torch.cuda and not torch.gpus and facts.machine.driver:
        words = (
            f'PyTorch {torch.version} is built for CUDA {torch.cuda} and finds no GPU, although '
            'there is a driver: it is too old, or the device is hidden (CUDA_VISIBLE_DEVICES)'
        )
        yield Finding(ERROR, words, pip(facts, *force, '--index-url', f'{WHEELS}/cu126'))
    elif torch.cuda and not torch.gpus:
        words = (
            f'PyTorch {torch.version} is built for CUDA {torch.cuda}, and there is no NVIDIA '
            'driver: everything runs on the CPU, for which there is a smaller build'
        )
        yield Finding(WARNING, words, pip(facts, *force, '--index-url', f'{WHEELS}/cpu'))
    elif not torch.cuda and facts.machine.driver:
        words = f'there is an NVIDIA driver, but PyTorch {torch.version} is a build for the CPU'
        yield Finding(WARNING, words, pip(facts, *force))


def in_gib(size: int) -> str:
    return f'{size / GIB:.1f} GiB' if size >= GIB else f'{size / 2**20:.0f} MiB'
