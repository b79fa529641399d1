"""Complete the config of a run's data loader: seeding, worker processes, pinned memory."""

import copy

import torch
from mmengine.dist import get_rank
from mmengine.registry import DATASETS

from mmdeeplab.datasets.samplers import ResumableSampler, SeededDataset
from mmdeeplab.datasets.workers import init_worker, shield_workers
from mmdeeplab.registry import is_ours


def seeded(dataloader: dict, seed: int | None) -> dict:
    """Complete the config of a data loader and build its data set; MMEngine builds the loader.

    With a :class:`~mmdeeplab.datasets.samplers.ResumableSampler`, the random transforms of a sample
    are seeded by its position. If there is a GPU, the images are pinned by a thread beside the
    training, unless ``pin_memory`` says otherwise. Without workers, ``persistent_workers`` and
    ``prefetch_factor`` have no effect.

    Args:
        dataloader: A config such as ``train_dataloader``; it is not changed.
        seed: Seed of the run; with None MMEngine seeds the workers.

    Returns:
        The new config.
    """
    cfg = copy.deepcopy(dataloader)
    cfg.setdefault('pin_memory', torch.cuda.is_available())
    if not cfg.get('num_workers'):  # PyTorch refuses settings of workers if there are none
        for key in ('persistent_workers', 'prefetch_factor'):
            cfg.pop(key, None)
    if isinstance(cfg['dataset'], dict):
        cfg['dataset'] = DATASETS.build(cfg['dataset'])
        if hasattr(cfg['dataset'], 'full_init'):
            cfg['dataset'].full_init()
    sampler = cfg.get('sampler') or {}
    if is_ours(sampler.get('type'), ResumableSampler.__name__):
        cfg['dataset'] = SeededDataset(cfg['dataset'])
    if seed is not None and cfg.get('num_workers') and 'worker_init_fn' not in cfg:
        shield_workers()
        cfg['worker_init_fn'] = dict(
            type=init_worker, num_workers=cfg['num_workers'], rank=get_rank(), seed=seed
        )
    return cfg
