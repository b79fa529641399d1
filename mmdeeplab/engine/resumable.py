"""A Runner whose interrupted run goes on as if nothing had happened."""

import copy
import os
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

import mmengine
from mmengine.dist import get_rank, master_only
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from mmdeeplab.checkpoint import store
from mmdeeplab.checkpoint.find import age, candidates, checkpoint_folder, newest_valid, read_summary
from mmdeeplab.checkpoint.lock import training_lock
from mmdeeplab.checkpoint.safetensors_layout import Damaged
from mmdeeplab.config.diff import differences, settings
from mmdeeplab.datasets.samplers import ResumableSampler, SeededDataset
from mmdeeplab.datasets.workers import init_worker, shield_workers
from mmdeeplab.engine.hooks.heartbeat import HeartbeatHook
from mmdeeplab.engine.hooks.resumed_validation import VALIDATED, ResumedValidationHook
from mmdeeplab.engine.hooks.shared_buffers import SharedBuffersHook
from mmdeeplab.engine.hooks.step_seed import StepSeedHook
from mmdeeplab.engine.loops import counts_epochs, is_complete, position
from mmdeeplab.engine.resume import (
    kinds,
    restore_gradients,
    restore_schedule,
    unfinished_gradients,
)
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import Disk
from mmdeeplab.version import __version__


class ResumableRunner(Runner):
    """Saves by :mod:`mmdeeplab.checkpoint` and restores everything that a run depends on.

    Nothing found in a checkpoint is executed (MMEngine's ``resume`` runs the configuration text).
    """

    disk = Disk()
    _load_from: str | None

    def register_hooks(self, *args: object, **kwargs: object) -> None:
        super().register_hooks(*args, **kwargs)
        self.register_hook(StepSeedHook())
        self.register_hook(SharedBuffersHook())
        self.register_hook(HeartbeatHook())
        self.register_hook(ResumedValidationHook())

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """As MMEngine's, with samples seeded by position under a :class:`ResumableSampler`."""
        if isinstance(dataloader, DataLoader):
            return dataloader
        cfg = copy.deepcopy(dataloader)
        if isinstance(cfg['dataset'], dict):
            cfg['dataset'] = DATASETS.build(cfg['dataset'])
            if hasattr(cfg['dataset'], 'full_init'):
                cfg['dataset'].full_init()
        sampler = (cfg.get('sampler') or {}).get('type')
        if sampler in (ResumableSampler, 'mmdeeplab.ResumableSampler'):
            cfg['dataset'] = SeededDataset(cfg['dataset'])
        if seed is not None and cfg.get('num_workers') and 'worker_init_fn' not in cfg:
            shield_workers()
            cfg['worker_init_fn'] = dict(
                type=init_worker, num_workers=cfg['num_workers'], rank=get_rank(), seed=seed
            )
        return Runner.build_dataloader(cfg, seed, diff_rank_seed)

    def train(self) -> nn.Module:
        """Train; a checkpoint to resume is chosen first, since its seed rules the data's order.

        Raises:
            UserError: There is nothing to resume, or another process trains in the work dir.
        """
        folder = checkpoint_folder(self.work_dir, self._out_dir)
        with suppress(OSError):  # the checkpoint hook tells what is wrong with it
            folder.mkdir(parents=True, exist_ok=True)
        with training_lock(self.work_dir), training_lock(folder):
            self.started = time.time()
            self._count_attempts()
            if self._resume:
                self._choose_checkpoint()
            return super().train()

    @property
    def _out_dir(self) -> str | None:
        """The checkpoint hook's."""
        hooks = (hook for hook in self.hooks if isinstance(hook, CheckpointHook))
        return next((hook.out_dir for hook in hooks), None)

    def _count_attempts(self) -> None:
        """Number this start of training; what it saves is newer than what earlier ones saved."""
        there = candidates(Path(self.work_dir), self._out_dir)
        self.attempt = 1 + max((a.attempt for a in map(age, there) if a.started < inf), default=0)
        if there and not self._resume:
            self.logger.warning(
                f'{self.work_dir} holds {len(there)} checkpoints of an earlier training '
                f'({there[-1].name}), which this one does not go on from, and which it replaces '
                'where it saves under the same name; --resume goes on from the newest'
            )

    def _choose_checkpoint(self) -> None:
        if self._load_from is None:
            found = newest_valid(self.work_dir, self._out_dir)
            for text in found.damaged:
                self.logger.warning(text)
            if found.path is None:
                raise UserError(f'nothing to resume: no checkpoint in {self.work_dir}')
            if found.reason:
                self.logger.info(found.reason)
            self._load_from = str(found.path)
        if self._randomness_cfg.get('seed') is None:
            try:
                seed = read_summary(Path(self._load_from)).get('seed')
            except (OSError, Damaged):  # an old .pth; a missing file is reported on loading
                return
            self._randomness_cfg.update(seed=seed)
            self.set_randomness(**self._randomness_cfg)

    def training_state(
        self, meta: dict | None = None, optimizer: bool = True, schedulers: bool = True
    ) -> dict:
        """Everything a checkpoint holds; tensors are referred to, not copied.

        Args:
            meta: ``epoch`` and ``iter`` that are complete.
            optimizer: With the optimiser's state.
            schedulers: With the schedules' state.
        """
        dataset = self.train_dataloader.dataset
        meta = dict(epoch=self.epoch, iter=self.iter) | (meta or {})
        meta |= dict(
            seed=self.seed,
            started=self.started,
            epoch_length=len(self.train_dataloader) if counts_epochs(self.train_loop) else 0,
            attempt=self.attempt,
            job=os.environ.get('TORCHELASTIC_RUN_ID', ''),
            **kinds(self),
            settings=settings(self),
            experiment_name=self.experiment_name,
            time=time.strftime('%Y%m%d_%H%M%S', time.localtime()),
            mmdeeplab_version=__version__,
            mmengine_version=mmengine.__version__,
            dataset_meta=getattr(dataset, 'metainfo', None),
        )
        model = self.model.module if is_model_wrapper(self.model) else self.model
        state = dict(
            meta=meta,
            state_dict=dict(model.state_dict()),
            message_hub=self.message_hub.state_dict(),
        )
        if optimizer:
            state['optimizer'] = self.optim_wrapper.state_dict()
        if gradients := unfinished_gradients(self):
            state['gradients'] = gradients
        if schedulers and self.param_schedulers is not None:
            state['param_schedulers'] = [s.state_dict() for s in self.param_schedulers]
        self.call_hook('before_save_checkpoint', checkpoint=state)
        return state

    def write_state(self, path: Path, state: dict) -> int:
        """Write what :meth:`training_state` gave; return the bytes.

        Raises:
            NotSaved: The file system refused; an older file of that name is intact.
        """
        keys = ('iter', 'epoch', 'seed', 'started', 'attempt', 'job')
        summary = {key: state['meta'][key] for key in keys}
        return store.save(path, state, self.disk, summary)

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """As MMEngine's; ``.safetensors`` is our own format, MMEngine pickles any other."""
        if Path(filename).suffix != '.safetensors':
            super().save_checkpoint(
                out_dir,
                filename,
                file_client_args,
                save_optimizer,
                save_param_scheduler,
                meta,
                by_epoch,
                backend_args,
            )
            return
        default = (self.epoch + 1, self.iter) if by_epoch else (self.epoch, self.iter + 1)
        meta = dict(epoch=default[0], iter=default[1]) | (meta or {})
        state = self.training_state(meta, save_optimizer, save_param_scheduler)
        self.write_state(Path(out_dir) / filename, state)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'cpu',
    ) -> None:
        """Go on from a checkpoint; what changed in the settings is printed and applies.

        Raises:
            UserError: It holds weights only, or is not this model's, or the optimiser is another.
        """
        checkpoint = self.load_checkpoint(filename)
        wanted = ['meta', 'message_hub'] + ['optimizer'] * resume_optimizer
        if missing := [key for key in wanted if key not in checkpoint]:
            raise UserError(
                f'{filename} holds weights but no training state ({", ".join(missing)}), so there '
                'is nothing to resume; to start from its weights: --cfg-options load_from=FILE'
            )
        before = checkpoint['meta']['iter']
        meta = checkpoint['meta'] | position(self.train_loop, checkpoint['meta'])
        checkpoint['meta'] = meta
        self.train_loop._epoch, self.train_loop._iter = meta['epoch'], meta['iter']
        self.started = meta.get('started', self.started)
        if 'settings' in meta:
            changed = differences(meta['settings'], settings(self))
            for line in changed:
                self.logger.info(f'changed since the checkpoint: {line}')
        self.message_hub.load_state_dict(checkpoint['message_hub'])
        if self.message_hub.get_info(VALIDATED) == before:
            self.message_hub.update_info(VALIDATED, self.iter)  # where epochs have another length
        if resume_optimizer:
            restore_schedule(self, checkpoint, filename, resume_param_scheduler)
            restore_gradients(self, checkpoint)
        self._has_loaded = True
        self.logger.info(f'resumed at iteration {self.iter} of {self.max_iters}')
        if is_complete(self.train_loop):
            self.logger.warning(
                f'{filename} is complete: iteration {self.iter} of {self.max_iters}; to go on, '
                f'raise train_cfg.{"max_epochs" if counts_epochs(self.train_loop) else "max_iters"}'
            )
        if any(isinstance(hook, EarlyStoppingHook) for hook in self.hooks):
            self.logger.warning(
                "MMEngine's EarlyStoppingHook begins to count anew on resume; "
                'early_stopping=dict(monitor=..., patience=...) in the config goes on counting'
            )
