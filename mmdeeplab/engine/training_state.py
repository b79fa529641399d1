"""Collect everything that a checkpoint of a run holds, and write it to a file."""

import time
from pathlib import Path

import mmengine
from mmengine.runner import Runner

from mmdeeplab.checkpoint import store
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.engine.distributed.job import job_name
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.engine.optim.restore import kinds, unfinished_gradients
from mmdeeplab.engine.optim.schedules import schedule_states
from mmdeeplab.engine.run_settings import settings
from mmdeeplab.version import __version__

SUMMARY = ('iter', 'epoch', 'seed', 'started', 'attempt', 'job')  # of meta, read without the rest


def training_state(
    runner: Runner,
    meta: dict | None = None,
    optimizer: bool = True,
    schedulers: bool = True,
) -> dict:
    """The contents of a checkpoint; its tensors are those of the run, not copies.

    Args:
        runner: A run that trains.
        meta: The numbers ``epoch`` and ``iter`` of completed epochs and iterations; by default the
            runner's.
        optimizer: Whether to include the optimiser's state.
        schedulers: Whether to include the schedules' state.

    Returns:
        ``meta``, ``state_dict``, ``message_hub``, and if present ``optimizer``, ``gradients``,
        ``param_schedulers``, and what hooks add.
    """
    state = dict(
        meta=dict(epoch=runner.epoch, iter=runner.iter) | (meta or {}) | _origin(runner),
        state_dict=dict(unwrap(runner.model).state_dict()),
        message_hub=runner.message_hub.state_dict(),
    )
    if optimizer:
        state['optimizer'] = runner.optim_wrapper.state_dict()
    if gradients := unfinished_gradients(runner):
        state['gradients'] = gradients
    if schedulers and runner.param_schedulers is not None:
        state['param_schedulers'] = schedule_states(runner.param_schedulers)
    runner.call_hook('before_save_checkpoint', checkpoint=state)
    return state


def _origin(runner: Runner) -> dict:
    """The part of ``meta`` that tells which run a checkpoint comes from."""
    return dict(
        seed=runner.seed,
        started=runner.started,
        epoch_length=len(runner.train_dataloader) if counts_epochs(runner.train_loop) else 0,
        attempt=runner.attempt,
        job=job_name(),
        **kinds(runner),
        settings=settings(runner),
        experiment_name=runner.experiment_name,
        time=time.strftime('%Y%m%d_%H%M%S', time.localtime()),
        mmdeeplab_version=__version__,
        mmengine_version=mmengine.__version__,
        dataset_meta=getattr(runner.train_dataloader.dataset, 'metainfo', None),
    )


def write_state(runner: Runner, path: Path, state: dict) -> int:
    """Write the result of :func:`training_state` to a file; return the number of bytes.

    Raises:
        NotSaved: It cannot be written; an older file of that name is intact.
    """
    summary = {key: state['meta'][key] for key in SUMMARY}
    return store.save(path, state, runner.disk, summary)
