"""Data loaders of a run: samples seeded by position, workers that live and die with the run."""

import copy

import torch
from mmengine.dist import get_rank
from mmengine.registry import DATASETS

from mmdeeplab.datasets.samplers import ResumableSampler, SeededDataset
from mmdeeplab.datasets.workers import init_worker, shield_workers
from mmdeeplab.registry import is_ours


def seeded(dataloader: dict, seed: int | None) -> dict:
    """The config of a loader with its data set built, for MMEngine to build the loader.

    Args:
        dataloader: A config, e.g. ``train_dataloader``; it is not changed.
        seed: Of the run; None leaves what workers draw to MMEngine.

    Returns:
        Under a :class:`~mmdeeplab.datasets.samplers.ResumableSampler` the data set's samples are
        seeded by their position. Where there is a GPU, a thread beside the training takes batches
        from the workers and pins their images, unless ``pin_memory`` says otherwise. Without
        workers, ``persistent_workers`` and ``prefetch_factor`` have no effect.
    """
    cfg = copy.deepcopy(dataloader)
    cfg.setdefault('pin_memory', torch.cuda.is_available())
    if not cfg.get('num_workers'):  # what bases say of workers is refused by PyTorch without any
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
