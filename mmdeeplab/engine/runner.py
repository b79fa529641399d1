"""MMEngine's Runner with exact resuming, strict loading of weights and training on CPUs.

The methods here only call, at the right time, what the other modules of this folder implement.
"""

import copy
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.config import Config
from mmengine.evaluator import Evaluator as MMEngineEvaluator
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, LogProcessor, Runner
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import DataLoader

from mmdeeplab.checkpoint.find import checkpoint_folder
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.checkpoint.lock import training_lock
from mmdeeplab.checkpoint.pretrained import load_pretrained, pop_pretrained_cfg
from mmdeeplab.config.ignore_index import unify_ignore_index
from mmdeeplab.config.loops import by_epoch, choose_loop
from mmdeeplab.config.registered import find_class
from mmdeeplab.engine import resume
from mmdeeplab.engine.build_errors import building
from mmdeeplab.engine.checks.averages import check_averages
from mmdeeplab.engine.console_handler import to_console
from mmdeeplab.engine.dataloader import seeded
from mmdeeplab.engine.dataloader_checks import (
    evaluation_loader,
    require_batches,
    require_end,
    require_shares,
    training_loader,
)
from mmdeeplab.engine.distributed.ranks import join_ranks
from mmdeeplab.engine.hooks.table import own_hooks
from mmdeeplab.engine.load_weights import load_to_train, load_whole
from mmdeeplab.engine.loops import counts_epochs, own_loop
from mmdeeplab.engine.lost_worker import loader_explained
from mmdeeplab.engine.optim.fused import fused_on_gpu
from mmdeeplab.engine.optim.non_finite import guarded
from mmdeeplab.engine.optim.param_groups import MergingOptimWrapperConstructor
from mmdeeplab.engine.prepare_model import prepare_model, processes_notice, wrapper_config
from mmdeeplab.engine.teachers.mean_teacher import require_teacher
from mmdeeplab.engine.trackers import start_backends, with_backends
from mmdeeplab.engine.training_state import training_state, write_state
from mmdeeplab.evaluation.evaluator import Evaluator
from mmdeeplab.fileio.atomic import Disk
from mmdeeplab.models.load import read_weights
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.models.norms.bn_policy import Plan
from mmdeeplab.models.tf32 import set_tf32
from mmdeeplab.registry import RUNNERS
from mmdeeplab.report.curves import try_to_draw
from mmdeeplab.weights.hub import local_weights


@RUNNERS.register_module()
class DeepLabRunner(Runner):
    """The Runner of our configs (``runner_type = 'mmdeeplab.DeepLabRunner'``).

    It differs from MMEngine's in this: ``launcher='pytorch'`` works without a GPU, on gloo.
    BatchNorm follows ``bn_policy`` (:mod:`mmdeeplab.models.norms.bn_policy`). The console shows
    short notices. Weights must fit, and loading them executes no code. Checkpoints are written by
    :mod:`mmdeeplab.checkpoint`, and a resumed run goes on bit for bit. The hooks that it installs
    are listed in :mod:`mmdeeplab.engine.hooks.table`.

    Attributes:
        attempt: Number of starts of training in this work dir, this one included.
        started: Time at which this run was first started, in seconds since 1970.
        batch_norm: The decision about BatchNorm, once the model is wrapped.
        disk: Writes files.
    """

    batch_norm: Plan | None = None
    trains = False
    disk = Disk()
    attempt: int
    started: float
    cfg: Config
    loss_notices: Sequence[str] = ()
    # MMEngine declares no type: a dict, then a DataLoader
    _train_dataloader: Any
    _val_dataloader: Any
    _test_dataloader: Any
    _load_from: str | None

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'DeepLabRunner':
        unified = unify_ignore_index(cfg)
        with building('the run'):
            return super().from_cfg(unified)

    # Environment and log

    def setup_env(self, env_cfg: dict | None) -> None:
        env_cfg = env_cfg or {}
        self.timeout = join_ranks(self.launcher, env_cfg)
        set_tf32(env_cfg.get('allow_tf32'))
        super().setup_env(env_cfg)

    def build_logger(
        self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: object
    ) -> MMLogger:
        # MMEngine keeps loggers, message hubs and visualizers by this name while a process lives:
        # a run that starts within a second of another would write into the other's folder.
        name = self.experiment_name
        names = (f'{name}_{i}' if i else name for i in count())
        self._experiment_name = next(n for n in names if not MMLogger.check_instance_created(n))
        return to_console(super().build_logger(log_level, log_file, **kwargs))

    def build_visualizer(self, visualizer: Visualizer | dict | None = None) -> Visualizer:
        if isinstance(visualizer, dict):
            visualizer = with_backends(visualizer, self.cfg.get('vis_backends'))
        built = super().build_visualizer(visualizer)
        start_backends(built)
        return built

    def build_log_processor(self, log_processor: LogProcessor | dict) -> LogProcessor:
        if isinstance(log_processor, dict) and isinstance(self._train_loop, dict):
            log_processor = dict(by_epoch=by_epoch(choose_loop(self._train_loop))) | log_processor
        return super().build_log_processor(log_processor)

    def dump_config(self) -> None:
        """Write the config to the work dir, in training only.

        ``resume`` and ``load_from`` of this start are left out, so that the config does not resume.
        """
        if not self.trains:
            return
        original_cfg = self.cfg
        self.cfg = copy.deepcopy(original_cfg)
        if self._resume:
            self.cfg.update(resume=False, load_from=None)
        try:
            super().dump_config()
        finally:
            self.cfg = original_cfg

    def register_hooks(self, *args: object, **kwargs: object) -> None:
        super().register_hooks(*args, **kwargs)
        for hook in own_hooks(self.cfg):
            self.register_hook(hook)
        check_averages(self.hooks)

    # Data

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a data loader; with a ``ResumableSampler``, samples are seeded by position."""
        if isinstance(dataloader, DataLoader):
            return dataloader
        return Runner.build_dataloader(seeded(dataloader, seed), seed, diff_rank_seed)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        if isinstance(loop, dict):
            loop = own_loop(choose_loop(loop))
        self._train_dataloader = training_loader(self._train_dataloader, loop)
        with building('train_cfg or train_dataloader'):
            built = super().build_train_loop(loop)
        require_teacher(self.cfg, self.hooks)
        require_batches(built.dataloader)
        require_shares(built.dataloader, 'train_dataloader')
        for notice in self.loss_notices:
            self.logger.info(notice)
        if counts_epochs(built):
            require_end(built, 'train_dataloader')
        return built

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        self._val_dataloader = evaluation_loader(self._val_dataloader, 'val_dataloader')
        with building('val_cfg, val_dataloader or val_evaluator'):
            built = super().build_val_loop(loop)
        require_end(built, 'val_dataloader')
        return built

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        self._test_dataloader = evaluation_loader(self._test_dataloader, 'test_dataloader')
        with building('test_cfg, test_dataloader or test_evaluator'):
            built = super().build_test_loop(loop)
        require_end(built, 'test_dataloader')
        return built

    def build_evaluator(self, evaluator: MMEngineEvaluator | dict | list) -> MMEngineEvaluator:
        if isinstance(evaluator, dict) and evaluator.get('type') == 'Evaluator':
            evaluator = evaluator['metrics']
        if isinstance(evaluator, (dict, list)) and 'metrics' not in evaluator:
            return Evaluator(evaluator)
        return super().build_evaluator(evaluator)

    # Network and optimiser

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        if isinstance(model, dict):
            config, self.loss_notices = replace_losses(model)
            if 'model' in self.cfg:
                self.cfg.model = config  # so that the work dir's config has it as it is trained
            return super().build_model(config)
        return super().build_model(model)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        wrapper = wrapper_config(model_wrapper_cfg, self.cfg, self.distributed)
        if notice := processes_notice(self.distributed, self.world_size):
            self.logger.info(notice)
        self.batch_norm = prepare_model(model, self.cfg, self.world_size, self.logger)
        return super().wrap_model(wrapper, model)

    def build_optim_wrapper(self, optim_wrapper: OptimWrapper | dict) -> OptimWrapper:
        with building('optim_wrapper'):
            if isinstance(optim_wrapper, dict) and 'optimizer' in optim_wrapper:
                wrapper = find_class(optim_wrapper.get('type', 'OptimWrapper'), ('optim_wrapper',))
                defaults = dict(constructor=MergingOptimWrapperConstructor)
                optimizer = fused_on_gpu(optim_wrapper['optimizer'])
                overrides = dict(type=guarded(wrapper), optimizer=optimizer)
                optim_wrapper = {**defaults, **optim_wrapper, **overrides}
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        with building('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    def _init_model_weights(self) -> None:
        specs = pop_pretrained_cfg(unwrap(self.model))
        super()._init_model_weights()
        for spec in [] if self._resume else specs:
            spec = spec._replace(checkpoint=local_weights(spec.checkpoint))
            self.logger.info(load_pretrained(spec))

    # Runs

    def train(self) -> nn.Module:
        """Train; if a checkpoint is resumed it is chosen first, since its seed is needed.

        Raises:
            UserError: There is nothing to resume, or another process trains in the work dir.
        """
        self.trains = True
        self.dump_config()
        folder = checkpoint_folder(self.work_dir, resume.checkpoint_out_dir(self))
        with suppress(OSError):  # the checkpoint hook reports what is wrong
            folder.mkdir(parents=True, exist_ok=True)
        try:
            with loader_explained(self), training_lock(self.work_dir), training_lock(folder):
                self.started = time.time()
                self.attempt = resume.count_attempts(self, self._resume)
                if self._resume:
                    if self._load_from is None:
                        self._load_from = resume.newest_checkpoint(self)
                    resume.take_seed(self, self._load_from)
                return super().train()
        finally:  # also after an interruption
            if dist.is_main_process():
                try_to_draw(self.work_dir, self.logger)

    def val(self) -> dict:
        with loader_explained(self):
            return super().val()

    def test(self) -> dict:
        with loader_explained(self):
            return super().test()

    # Checkpoints

    def load_checkpoint(
        self,
        filename: str,
        map_location: str = 'cpu',
        strict: bool = True,
        revise_keys: object = None,
    ) -> dict:
        """Load weights from a file.

        To evaluate or resume, every tensor must be in the file and fit. To train on other data
        (``load_from``), only the backbone must (:mod:`mmdeeplab.checkpoint.fine_tune`). MMEngine's
        other arguments have no effect: weights are read into memory, under the names they have.

        Raises:
            UserError: The file is missing, broken, unsafe, or does not fit the model.
        """
        checkpoint, count = read_weights(unwrap(self.model), filename, self.logger.warning)
        if count:
            self.logger.info(f'BatchNorm: {count} layers became group norm, as in {filename}')
        if isinstance(self._train_loop, BaseLoop) and not self._resume:  # built: a run trains
            load_to_train(self, checkpoint, filename)
        else:
            load_whole(self, checkpoint, filename, self._resume)
        self._has_loaded = True
        return checkpoint

    @dist.master_only
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
        """Save a checkpoint; ``.safetensors`` files are ours, MMEngine pickles all others."""
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
        state = training_state(self, meta, save_optimizer, save_param_scheduler)
        write_state(self, Path(out_dir) / filename, state)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'cpu',
    ) -> None:
        """Resume from a checkpoint: :func:`mmdeeplab.engine.resume.restore`."""
        checkpoint = self.load_checkpoint(filename)
        resume.restore(self, checkpoint, filename, resume_optimizer, resume_param_scheduler)
        resume.tell_position(self, filename)
