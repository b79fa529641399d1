"""Prepare a built network for training: norms, memory options, wrapper for several processes."""

import logging

import torch
from mmengine.config import Config
from torch import nn

from mmdeeplab.engine.optim.memory_format import apply_memory_options
from mmdeeplab.models.norms.bn_policy import Plan, apply_policy
from mmdeeplab.models.norms.norm_layers import norm_layers, replace, twin
from mmdeeplab.models.norms.sync_batch_norm import SyncBatchNorm


def wrapper_config(wrapper_cfg: dict | None, cfg: Config, distributed: bool) -> dict | None:
    """``model_wrapper_cfg`` for MMEngine; by default DistributedDataParallel, without GPU on gloo.

    Args:
        wrapper_cfg: The config's own ``model_wrapper_cfg``.
        cfg: The config, of which ``find_unused_parameters`` is used.
        distributed: Whether the run has a process group.
    """
    if not distributed:
        return wrapper_cfg
    default = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wanted = wrapper_cfg or {}
    if not torch.cuda.is_available():
        return {**default, **wanted, 'device_ids': None}
    if wanted.get('type', default['type']) == default['type']:
        return {**default, **wanted}
    return wrapper_cfg


def prepare_model(
    model: nn.Module, cfg: Config, processes: int, logger: logging.Logger
) -> Plan | None:
    """Apply ``bn_policy``, the memory format and recomputation to a model, in place.

    Returns:
        The decision about BatchNorm; None if ``bn_policy`` is None.
    """
    plan = apply_policy(model, cfg, processes, torch.cuda.is_available())
    if plan:
        logger.info(str(plan))
        if plan.mode == 'sync':
            replace(model, norm_layers(model), lambda norm: twin(norm, SyncBatchNorm))
    for sentence in apply_memory_options(model, cfg):
        logger.info(sentence)
    return plan


def processes_notice(distributed: bool, world_size: int) -> str:
    """A notice of how many processes train and by which backend; empty for a single process."""
    if distributed and not torch.cuda.is_available():
        return f'processes: {world_size} on CPUs (gloo)'
    if distributed and world_size > 1:
        return f'processes: {world_size} on GPUs (NCCL)'
    return ''
