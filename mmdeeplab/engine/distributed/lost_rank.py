"""End a process with one line of text if another process of the run is gone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.runner import Runner
from torch.distributed import DistError

from mmdeeplab.engine.hooks.heartbeat import HeartbeatHook

# How gloo and NCCL say that another process does not answer, beside errors of a type of their own.
SIGNS = ('connection closed by peer', 'connection reset', 'timed out waiting', 'pair closure',
         'gloo/transport', 'nccl', 'broken pipe', 'socket')  # fmt: skip


@contextmanager
def explained(runner: Runner) -> Iterator[None]:
    """Turn a failed communication between ranks into one line, and end the process at once.

    The launcher then restarts the job or ends it.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        lost = isinstance(error, DistError) or any(sign in text for sign in SIGNS)
        if runner.world_size < 2 or not lost:
            raise
        print(
            f'error: rank {runner.rank} lost another rank in iteration {runner.iter} '
            f'({str(error).splitlines()[0][:160]})',
            file=sys.stderr,
            flush=True,
        )
        for hook in runner.hooks:
            if isinstance(hook, HeartbeatHook):
                hook.blame()
        os._exit(1)
