"""What becomes of a network before it trains: its norms, its memory, its wrapper for processes."""

import logging

import torch
from mmengine.config import Config
from torch import nn

from mmdeeplab.engine.optim.memory_format import apply_memory_options
from mmdeeplab.models.norms.norm_layers import norm_layers, replace
from mmdeeplab.models.norms.policy import Plan, apply_policy
from mmdeeplab.models.norms.sync_batch_norm import synchronised


def wrapper_config(given: dict | None, cfg: Config, distributed: bool) -> dict | None:
    """``model_wrapper_cfg`` for MMEngine: by default DistributedDataParallel, on gloo without GPU.

    Args:
        given: The config's own.
        cfg: Its ``find_unused_parameters`` is taken.
        distributed: Whether the run has a process group.
    """
    if not distributed:
        return given
    default = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wanted = given or {}
    if not torch.cuda.is_available():
        return {**default, **wanted, 'device_ids': None}
    if wanted.get('type', default['type']) == default['type']:
        return {**default, **wanted}
    return given


def prepare_model(
    model: nn.Module, cfg: Config, processes: int, logger: logging.Logger
) -> Plan | None:
    """Norms as ``bn_policy`` says, then memory format and recomputation, in place.

    Returns:
        What was decided about the norms; None where nothing was to be.
    """
    plan = apply_policy(model, cfg, processes, torch.cuda.is_available())
    if plan:
        logger.info(str(plan))
        if plan.mode == 'sync':
            replace(model, norm_layers(model), synchronised)
    for sentence in apply_memory_options(model, cfg):
        logger.info(sentence)
    return plan


def processes_notice(distributed: bool, world_size: int) -> str:
    """How many processes train, and by which backend; empty where one trains alone."""
    if distributed and not torch.cuda.is_available():
        return f'processes: {world_size} on CPUs (gloo)'
    if distributed and world_size > 1:
        return f'processes: {world_size} on GPUs (NCCL)'
    return ''
