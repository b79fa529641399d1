"""Form a process group, and let one process work while the others wait."""

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed
from mmengine import dist

from mmdeeplab.engine.distributed.process_group import join
from mmdeeplab.engine.distributed.slurm import set_environment
from mmdeeplab.errors import UserError

BEAT = 5.0
"""Seconds between signs of life: far below any timeout of a process group."""
TIMEOUT = 300.0


def join_ranks(launcher: str, env_cfg: dict | None) -> float:
    """Form the process group of the launcher's processes, unless it exists already.

    Returns:
        Seconds after which a communication between processes fails.

    Raises:
        UserError: The timeout is none, the command was not started by torchrun or srun, or
            processes did not meet.
    """
    timeout = ((env_cfg or {}).get('dist_cfg') or {}).get('timeout')
    timeout = TIMEOUT if timeout is None else timeout
    if not isinstance(timeout, (int, float)) or timeout <= 0:
        raise UserError(f'env_cfg.dist_cfg.timeout is a number of seconds, got {timeout!r}')
    if launcher == 'slurm':
        set_environment()
    if launcher in ('pytorch', 'slurm') and not torch.distributed.is_initialized():
        if 'RANK' not in os.environ:
            raise UserError(
                '--launcher pytorch runs under torchrun: tools/dist_train.sh CONFIG GPUS'
            )
        join(timeout)
    return timeout


def require_agreement(name: str, value: str) -> None:
    """Check that all processes have the same value.

    Args:
        name: Name of the value, for the message.
        value: The value of this process.

    Raises:
        UserError: On every process, if one has another value than the first.
    """
    if dist.get_world_size() == 1:
        return
    values: list = [None] * dist.get_world_size()
    torch.distributed.all_gather_object(values, (value, socket.gethostname()))
    for rank, (other, host) in enumerate(values):
        if other != values[0][0]:
            raise UserError(
                f'{name}: {values[0][0]} for rank 0 on {values[0][1]}, {other} for rank {rank} on '
                f'{host}; the work dir must lie where all machines see the same files'
            )


def on_first_rank(action: Callable[[Callable[[], None]], Any]) -> Any:
    """Run ``action(beat)`` on rank 0 and return its result on all ranks, however long it takes.

    As long as the action calls ``beat`` now and then, the waiting ranks do not time out.

    Raises:
        UserError: On every rank, if the action raised it on rank 0.
    """
    if dist.get_world_size() == 1:
        return action(lambda: None)
    return _lead(action) if dist.get_rank() == 0 else _follow()


def _lead(action: Callable[[Callable[[], None]], Any]) -> Any:
    last_beat = time.monotonic()

    def beat() -> None:
        nonlocal last_beat
        if time.monotonic() - last_beat > BEAT:
            _share('working')
            last_beat = time.monotonic()

    try:
        result = action(beat)
    except UserError as error:
        _share('refused', str(error))
        raise
    except BaseException as error:
        _share('refused', f'the first rank stopped: {type(error).__name__}: {error}')
        raise
    _share('done', result)
    return result


def _follow() -> Any:
    while True:
        word, content = _share()
        if word == 'done':
            return content
        if word == 'refused':
            raise UserError(str(content))


def _share(word: str = '', content: Any = None) -> tuple[str, Any]:
    """Send a message, a word with some content, from rank 0; on other ranks receive it."""
    messages = [(word, content)]
    dist.broadcast_object_list(messages)
    return messages[0]
