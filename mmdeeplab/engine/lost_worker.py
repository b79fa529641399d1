"""If a data loading process dies or hangs, save the training and explain it in a sentence."""

import multiprocessing.connection
import re
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.hooks import EMAHook, Hook
from mmengine.runner import BaseLoop, Runner, TestLoop, ValLoop
from torch.utils import data

from mmdeeplab.engine.dataloader_checks import batch_size
from mmdeeplab.engine.hooks.preemption import PreemptionHook
from mmdeeplab.errors import UserError

LOADING = str(Path(data.__file__).parent)
SHARED = Path('/dev/shm')
LESS = (
    'lower {key}.num_workers (now {workers}), {key}.batch_size ({batch}) or '
    '{key}.prefetch_factor ({ahead})'
)
# A pattern of the error's text, what happened to the loading, and the advice.
CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r'too many open files|ancdata',
        'more files are open than the limit of {files} allows',
        'raise it (ulimit -n, env_cfg.resource_limit), or lower {key}.num_workers (now {workers})',
    ),
    (
        r'bus error|exit code -7|no space left on device.*shm|shared memory|torch_shm',
        'a process that loads data ended, most likely because the shared memory is full '
        '({shared} of /dev/shm are free)',
        LESS + '; a container gets more by docker run --shm-size=8g',
    ),
    (
        r'dataloader timed out',
        'no process gave a batch for {key}.timeout={timeout} seconds: a disk that hangs, or a '
        'slow one',
        'look at the disk, or raise {key}.timeout',
    ),
    (
        r'signal: killed|exit code -9|cannot allocate|not enough memory|insufficient memory|'
        r'memoryerror|bad_alloc|out of memory',
        'a process that loads data ended, most likely because the memory ran out',
        LESS,
    ),
    (
        r'dataloader worker.*(exited unexpectedly|killed by signal)|exit code',
        'a process that loads data ended ({error})',
        LESS + ', or look at what it loads with {key}.num_workers=0',
    ),
)


class LoaderDeathHook(Hook):
    """Let the death of a data loading process be noticed when its next batch is fetched.

    PyTorch's SIGCHLD handler raises an error wherever the main process is, even in the middle of an
    optimiser's step, whose state cannot be saved. This hook removes the handler; fetching a batch
    notices the death within five seconds.
    """

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        handler = signal.getsignal(signal.SIGCHLD)
        if str(getattr(handler, '__module__', '')).startswith('torch.'):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@contextmanager
def loader_explained(runner: Runner) -> Iterator[None]:
    """Explain errors of data loading processes, and save the training first.

    Raises:
        UserError: A data loader failed for lack of memory, open files or time.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # OpenCV and the file system raise others than PyTorch
        frames = list(_frames(error))
        loops = [
            loop for frame in frames if isinstance(loop := frame.f_locals.get('self'), BaseLoop)
        ]
        if not loops or not any(frame.f_code.co_filename.startswith(LOADING) for frame in frames):
            raise
        closed = isinstance(error, (ConnectionError, EOFError, FileNotFoundError))
        text = f'{type(error).__name__}: {error}{_exit_codes(frames, 10.0 if closed else 0.0)}'
        message = explain(text, f'{_split(loops[-1])}_dataloader', loops[-1].dataloader)
        if not message:
            raise
        training = _split(loops[0]) == 'train' and runner.world_size == 1
        raise UserError(message + (_save(runner, _split(loops[-1])) if training else '')) from error


def explain(text: str, key: str, loader: Any) -> str:
    """The sentence about a data loader's error; empty if the error has another cause.

    Args:
        text: The text of the error, with the exit codes of processes.
        key: The loader's key in the config, such as ``train_dataloader``.
        loader: The data loader.
    """
    causes = [row for row in CAUSES if re.search(row[0], text.lower(), re.DOTALL)]
    if not causes:
        return ''
    _, cause, advice = causes[0]
    facts = dict(
        key=key,
        error=' '.join(text.split())[:200],
        workers=loader.num_workers,
        batch=batch_size(loader),
        ahead=loader.prefetch_factor,
        timeout=loader.timeout,
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        shared=f'{shutil.disk_usage(SHARED).free / 1e9:.1f} GB' if SHARED.is_dir() else 'none',
    )
    return f'{cause}: {advice}'.format(**facts)


def _split(loop: BaseLoop) -> str:
    return 'val' if isinstance(loop, ValLoop) else 'test' if isinstance(loop, TestLoop) else 'train'


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _exit_codes(frames: list[FrameType], patience: float) -> str:
    """Exit codes of the failed loader's processes; -N for one that was ended by signal N.

    Args:
        frames: The stack frames of the error, in which the loader's iterator is found.
        patience: Seconds to wait for a process that has closed its connection to end.
    """
    workers = {w for f in frames for w in getattr(f.f_locals.get('self'), '_workers', [])}
    if patience and workers:
        ended = multiprocessing.connection.wait([w.sentinel for w in workers], patience)
        for worker in workers:
            if worker.sentinel in ended:
                worker.join(patience)
    codes = sorted({worker.exitcode for worker in workers} - {None, 0})
    return ''.join(f' (exit code {code})' for code in codes)


def _save(runner: Runner, split: str) -> str:
    """Save a checkpoint if the state is that between two iterations; return a sentence about it."""
    if not runner.iter:
        return ''
    for hook in runner.hooks if split == 'val' else ():
        if isinstance(hook, EMAHook):
            hook.after_val_epoch(runner)  # puts the trained weights back
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, PreemptionHook))
    if failure := hook.save(runner, runner.iter):
        return f'; iteration {runner.iter} is not saved ({failure})'
    return f'; iteration {runner.iter} is saved, go on with --resume'
