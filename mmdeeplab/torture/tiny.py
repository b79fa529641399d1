"""A run of milliseconds with everything that resuming must restore: the real Runner, a toy task.

Random crops and noise in the data (``random``, NumPy and torch each draw), dropout and batch
statistics in the network, momentum, a schedule, and an average of the weights.
"""

import hashlib
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmdeeplab.engine.runner import DeepLabRunner
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
            return dict(loss=nn.functional.cross_entropy(scores, torch.as_tensor(label)))
        return scores


class Count(BaseMetric):
    """A score that needs a validation."""

    default_prefix = None

    def process(self, data_batch: dict, data_samples: Any) -> None:
        self.results.append(len(data_samples))

    def compute_metrics(self, results: list) -> dict:
        return dict(mIoU=float(sum(results)))


class QuietRunner(DeepLabRunner):
    """Without the notices that take longer than the toy's training."""

    def _log_env(self, env_cfg: dict) -> None:
        pass

    def dump_config(self) -> None:
        pass

    def get_hooks_info(self) -> str:
        return ''


class Trace(Hook):
    """Note what each step saw and left: batch, generators, weights and everything beside them."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.steps: dict[int, str] = {}

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        drawn = [random.random(), float(np.random.rand()), torch.get_rng_state()]
        self.steps[runner.iter + 1] = fingerprint([data_batch, drawn, run_state(runner)])


def run_state(runner: Runner) -> list:
    """Weights, momentum, learning rate, schedule and averaged weights."""
    averages = [h.ema_model.state_dict() for h in runner.hooks if hasattr(h, 'ema_model')]
    schedules = [s.state_dict() for s in runner.param_schedulers]
    state = runner.model.state_dict()
    return [state, runner.optim_wrapper.state_dict(), schedules, averages]


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
    runner: Callable[..., Runner] = QuietRunner,
    **options: Any,
) -> Runner:
    """The toy's run of ``iters`` iterations in ``folder``."""
    torch.set_num_threads(1)
    checkpoint = dict(
        type='mmdeeplab.CheckpointHook', by_epoch=False, interval=interval, max_keep_ckpts=keep
    )
    validation: dict = {}
    if validate:
        loader = dict(batch_size=4, dataset=Noise(), sampler=dict(type='DefaultSampler'))
        validation = dict(val_dataloader=loader, val_evaluator=Count(), val_cfg=dict())
    arguments = dict(
        model=Toy(width),
        work_dir=str(folder),
        train_dataloader=dict(
            batch_size=BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
            dataset=Noise(),
            sampler=dict(type='mmdeeplab.ExactSampler'),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=validate or 10**9),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1000, by_epoch=False)],
        default_hooks=dict(checkpoint=checkpoint, logger=dict(type='LoggerHook', interval=10**9)),
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


def in_child(work: Callable[[], object], quiet: bool = True) -> int:
    """Do ``work`` in a forked process, everything imported already; return its exit status.

    A negative status is the signal that killed it.
    """
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            if quiet:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)
            work()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
