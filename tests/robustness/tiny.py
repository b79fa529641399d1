"""A run of milliseconds with everything that resuming must restore: the real Runner, a toy task.

Random crops and noise in the data (``random``, NumPy and torch each draw), dropout and batch
statistics in the network, momentum, a schedule, and an average of the weights.
"""

import hashlib
import os
import random
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.errors import UserError
from mmdeeplab.randomness import derive

SIZE, BATCH = 37, 4  # an epoch is no whole number of batches


class Noise(Dataset):
    """Pictures (3, 8, 8) made of their index, with random augmentation."""

    metainfo = dict(classes=('a', 'b'))

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(index)
        image = torch.randn(3, 10, 10, generator=generator)
        x, y = random.randrange(3), int(np.random.randint(3))
        image = image[:, y : y + 8, x : x + 8] + 0.1 * torch.randn(3, 8, 8)
        return dict(inputs=image, label=index % 2)


class Toy(BaseModel):
    """Convolution, BatchNorm, dropout, linear."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, width, 3), nn.BatchNorm2d(width)
        self.linear = nn.Linear(width, 2)

    def forward(self, inputs: Any, label: Any, mode: str = 'loss') -> Any:
        x = torch.relu(self.norm(self.conv(torch.stack(list(inputs))))).mean((2, 3))
        scores = self.linear(nn.functional.dropout(x, 0.3, self.training))
        if mode == 'loss':
            labels = torch.as_tensor(label, device=scores.device)
            return dict(loss=nn.functional.cross_entropy(scores, labels))
        return scores


class Count(BaseMetric):
    """A score that needs a validation."""

    def process(self, data_batch: dict, data_samples: Any) -> None:
        self.results.append(len(data_samples))

    def compute_metrics(self, results: list) -> dict:
        return dict(count=float(sum(results)))


class QuietRunner(DeepLabRunner):
    """Without the notices that take longer than the toy's training."""

    def _log_env(self, env_cfg: dict) -> None:
        pass

    def dump_config(self) -> None:
        pass

    def get_hooks_info(self) -> str:
        return ''


class Trace(Hook):
    """Note what each step saw and left: batch, generators, weights and everything beside them.

    Args:
        stop_at: Ask this process to leave after so many iterations.
    """

    priority = 'LOWEST'

    def __init__(self, stop_at: int = 0) -> None:
        self.stop_at = stop_at
        self.steps: dict[int, str] = {}

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        if runner.iter + 1 == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        drawn = [random.random(), float(np.random.rand()), torch.get_rng_state()]
        self.steps[runner.iter + 1] = fingerprint([data_batch, drawn, run_state(runner)])


def run_state(runner: Runner) -> list:
    """Weights, momentum, learning rate, schedule and averaged weights.

    Of ranks other than 0 without running statistics, which follow rank 0's at each validation.
    """
    models = [runner.model, *(h.ema_model for h in runner.hooks if hasattr(h, 'ema_model'))]
    weights = [
        model.state_dict() if runner.rank == 0 else dict(model.named_parameters())
        for model in models
    ]
    schedules = [s.state_dict() for s in runner.param_schedulers]
    return [weights, runner.optim_wrapper.state_dict(), schedules]


def fingerprint(node: object) -> str:
    """A digest of every bit in nested data."""
    digest = hashlib.sha256()

    def walk(item: object) -> None:
        if isinstance(item, Tensor):
            digest.update(str((item.dtype, tuple(item.shape))).encode())
            digest.update(
                item.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            )
        elif isinstance(item, Mapping):
            for key, value in item.items():
                digest.update(repr(key).encode())
                walk(value)
        elif isinstance(item, (list, tuple)):
            for value in item:
                walk(value)
        else:
            digest.update(repr(item).encode())

    walk(node)
    return digest.hexdigest()


def tiny_runner(
    folder: Path,
    iters: int,
    *,
    interval: int = 2,
    keep: int = 1,
    workers: int = 0,
    resume: bool = False,
    hooks: list = [],
    validate: int = 0,
    width: int = 4,
    log_every: int = 10**9,
    runner: Callable[..., Runner] = QuietRunner,
    **options: Any,
) -> Runner:
    """The toy's run of ``iters`` iterations in ``folder``."""
    torch.set_num_threads(1)
    torch.manual_seed(3)
    checkpoint = dict(
        type='mmdeeplab.CheckpointHook', by_epoch=False, interval=interval, max_keep_ckpts=keep
    )
    validation: dict = {}
    if validate:
        loader = dict(batch_size=4, dataset=Noise(), sampler=dict(type='DefaultSampler'))
        validation = dict(
            val_dataloader=loader, val_evaluator=[Count(prefix='toy')], val_cfg=dict()
        )
    arguments = dict(
        model=Toy(width),
        work_dir=str(folder),
        train_dataloader=dict(
            batch_size=BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
            dataset=Noise(),
            sampler=dict(type='mmdeeplab.ResumableSampler'),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=validate or 10**9),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1000, by_epoch=False)],
        default_hooks=dict(
            checkpoint=checkpoint, logger=dict(type='LoggerHook', interval=log_every)
        ),
        custom_hooks=[dict(type='EMAHook', momentum=0.01), *hooks],
        randomness=dict(seed=3),
        log_level='ERROR',
        resume=resume,
        experiment_name=f'{os.getpid()}-{derive(str(folder), str(random.random()))}',
        **validation,
    )
    return runner(**{**arguments, **options})


def warm() -> None:
    """Import now what a run would import, so that forked processes start at once."""
    import matplotlib.backends.backend_agg  # noqa: F401
    import torch._dynamo  # noqa: F401


def fork(work: Callable[[], object], log: Path | None = None, **environment: object) -> int:
    """Start ``work`` in a forked process, everything imported already; return its number.

    Args:
        work: Its exit status is that of its SystemExit, 2 for a UserError, 70 for other errors.
        log: Where its output goes; nowhere when None.
        environment: Variables to set.

    Raises:
        SkipTest: This process has used a GPU, which its children then cannot.
    """
    if torch.cuda.is_initialized():
        raise SkipTest('a process that has used a GPU cannot be forked')
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.environ.update({key: str(value) for key, value in environment.items()})
        out = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        # whatever captured the parent's output no longer stands for these
        sys.stdout, sys.stderr = (os.fdopen(fd, 'w', 1, closefd=False) for fd in (1, 2))
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except UserError as error:
        print(f'error: {error}', flush=True)
        status = 2
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def wait(pid: int) -> int:
    """Exit status of a forked process; a negative one is the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def in_child(work: Callable[[], object], log: Path | None = None) -> int:
    """Do ``work`` in a forked process and return its exit status."""
    return wait(fork(work, log))


def on_ranks(work: Callable[[], object], ranks: int, log: Path | None = None) -> list[int]:
    """Do ``work`` in ``ranks`` processes that can talk to each other; their exit statuses."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = dict(WORLD_SIZE=ranks, MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    pids = [fork(work, log, RANK=rank, LOCAL_RANK=rank, **shared) for rank in range(ranks)]
    return [wait(pid) for pid in pids]
