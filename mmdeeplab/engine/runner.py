"""MMEngine's Runner, readable on the console, distributed on CPUs too, strict about weights."""

import copy
import logging
from collections.abc import Sequence
from typing import Any

import torch
from mmengine import dist
from mmengine.config import Config
from mmengine.evaluator import Evaluator as MMEngineEvaluator
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, LogProcessor
from mmengine.visualization import Visualizer
from torch import nn

from mmdeeplab.checkpoint.class_order import by_name, data_classes, in_order, require_order
from mmdeeplab.checkpoint.fine_tune import class_names, classifier_keys, fine_tune
from mmdeeplab.checkpoint.key_prefixes import in_backbone, unwrapped
from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, require_weights, unwrap
from mmdeeplab.checkpoint.pretrained import load_pretrained, pop_pretrained_cfg
from mmdeeplab.config.ignore_index import unify_ignore_index
from mmdeeplab.config.loops import by_epoch, choose_loop
from mmdeeplab.config.registered import find_class
from mmdeeplab.console import printable_record
from mmdeeplab.engine.batches import (
    one_epoch,
    require_batches,
    require_end,
    require_sampler,
    require_shares,
    whole_batches,
)
from mmdeeplab.engine.building import building
from mmdeeplab.engine.console_handler import ConsoleHandler
from mmdeeplab.engine.distributed.lost_worker import FetchDeathsHook, loader_explained
from mmdeeplab.engine.distributed.ranks import join_ranks
from mmdeeplab.engine.hooks.early_stopping import early_stopping
from mmdeeplab.engine.hooks.plain_history import PlainHistoryHook
from mmdeeplab.engine.hooks.preemption import PreemptionHook
from mmdeeplab.engine.loops import counts_epochs, own_loop
from mmdeeplab.engine.optim.memory_format import economise
from mmdeeplab.engine.optim.non_finite import FiniteCheckpointHook, NonFiniteHook, guarded
from mmdeeplab.engine.optim.param_groups import MergingOptimWrapperConstructor
from mmdeeplab.engine.resumable import ResumableRunner
from mmdeeplab.engine.resume import take_own_weights
from mmdeeplab.engine.trackers import start_backends, with_backends
from mmdeeplab.evaluation.evaluator import Evaluator
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.models.norms.norm_layers import match_norm, norm_layers, replace
from mmdeeplab.models.norms.policy import BatchNormRecordHook, Plan, apply_policy
from mmdeeplab.models.norms.sync_batch_norm import synchronised
from mmdeeplab.models.norms.unfold_batch_norm import folded_norms, unfold_batch_norm_on
from mmdeeplab.models.tf32 import set_tf32
from mmdeeplab.registry import RUNNERS
from mmdeeplab.report.curves import try_to_draw


@RUNNERS.register_module()
class DeepLabRunner(ResumableRunner):
    """A Runner that a config names by ``runner_type = 'mmdeeplab.DeepLabRunner'``.

    Differs from MMEngine's: ``launcher='pytorch'`` without a GPU runs on gloo; BatchNorm follows
    ``bn_policy`` (:mod:`mmdeeplab.models.norms.policy`); the console stays readable; weights are
    loaded without executing anything and must fit.
    """

    batch_norm: Plan | None = None
    trains = False
    cfg: Config
    loss_notices: Sequence[str] = ()
    # MMEngine declares no type: a dict, then a DataLoader
    _train_dataloader: Any
    _val_dataloader: Any
    _test_dataloader: Any

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'DeepLabRunner':
        unify_ignore_index(cfg)
        with building('the run'):
            return super().from_cfg(cfg)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        require_sampler(self._val_dataloader, 'val_dataloader')
        self._val_dataloader = one_epoch(self._val_dataloader)
        with building('val_cfg, val_dataloader or val_evaluator'):
            built = super().build_val_loop(loop)
        require_end(built, 'val_dataloader')
        return built

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        require_sampler(self._test_dataloader, 'test_dataloader')
        self._test_dataloader = one_epoch(self._test_dataloader)
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

    def setup_env(self, env_cfg: dict) -> None:
        self.timeout = join_ranks(self.launcher, env_cfg)
        set_tf32(env_cfg.get('allow_tf32'))
        super().setup_env(env_cfg)

    def build_logger(
        self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: object
    ) -> MMLogger:
        logger = super().build_logger(log_level, log_file, **kwargs)
        for i, handler in enumerate(logger.handlers):
            if type(handler) is logging.StreamHandler:
                logger.handlers[i] = console = ConsoleHandler()
                console.setLevel(handler.level)
        logger.addFilter(printable_record)
        return logger

    def build_visualizer(self, visualizer: Visualizer | dict | None = None) -> Visualizer:
        if isinstance(visualizer, dict):
            visualizer = with_backends(visualizer, self.cfg.get('vis_backends'))
        built = super().build_visualizer(visualizer)
        start_backends(built)
        return built

    def dump_config(self) -> None:
        """Into the work dir when training begins; evaluation leaves what is there as it is.

        How the run was started is left out: a resumed one does not make a config that resumes.
        """
        if not self.trains:
            return
        given = self.cfg
        self.cfg = copy.deepcopy(given)
        if self._resume:
            self.cfg.update(resume=False, load_from=None)
        try:
            super().dump_config()
        finally:
            self.cfg = given

    def train(self) -> nn.Module:
        self.trains = True
        self.dump_config()
        try:
            with loader_explained(self):
                return super().train()
        finally:  # also what an interrupted run has learned
            if dist.is_main_process():
                try_to_draw(self.work_dir, self.logger)

    def val(self) -> dict:
        with loader_explained(self):
            return super().val()

    def test(self) -> dict:
        with loader_explained(self):
            return super().test()

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        if isinstance(model, dict):
            config, self.loss_notices = replace_losses(model)
            if 'model' in self.cfg:
                self.cfg.model = config  # what the work dir's config says is what was trained
            return super().build_model(config)
        return super().build_model(model)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        gpu = torch.cuda.is_available()
        if self.distributed:
            default = dict(
                type='MMDistributedDataParallel',
                broadcast_buffers=False,
                find_unused_parameters=self.cfg.get('find_unused_parameters', False),
            )
            given = model_wrapper_cfg or {}
            if not gpu:
                model_wrapper_cfg = {**default, **given, 'device_ids': None}
            elif given.get('type', default['type']) == default['type']:
                model_wrapper_cfg = {**default, **given}
        if self.distributed and not gpu:
            self.logger.info(f'processes: {self.world_size} on CPUs (gloo)')
        elif self.distributed and self.world_size > 1:
            self.logger.info(f'processes: {self.world_size} on GPUs (NCCL)')
        self.batch_norm = apply_policy(model, self.cfg, self.world_size, gpu)
        if self.batch_norm:
            self.logger.info(str(self.batch_norm))
            if self.batch_norm.mode == 'sync':
                replace(model, norm_layers(model), synchronised)
        for sentence in economise(model, self.cfg):
            self.logger.info(sentence)
        return super().wrap_model(model_wrapper_cfg, model)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        if isinstance(loop, dict):
            loop = own_loop(choose_loop(loop))
        require_sampler(self._train_dataloader, 'train_dataloader')
        if isinstance(self._train_dataloader, dict):
            self._train_dataloader = whole_batches(self._train_dataloader)
            if isinstance(loop, dict) and by_epoch(loop):
                self._train_dataloader = one_epoch(self._train_dataloader)
        with building('train_cfg or train_dataloader'):
            built = super().build_train_loop(loop)
        require_batches(built.dataloader)
        require_shares(built.dataloader, 'train_dataloader')
        for notice in self.loss_notices:
            self.logger.info(notice)
        if counts_epochs(built):
            require_end(built, 'train_dataloader')
        return built

    def build_log_processor(self, log_processor: LogProcessor | dict) -> LogProcessor:
        if isinstance(log_processor, dict) and isinstance(self._train_loop, dict):
            log_processor = dict(by_epoch=by_epoch(choose_loop(self._train_loop))) | log_processor
        return super().build_log_processor(log_processor)

    def register_hooks(self, *args: object, **kwargs: object) -> None:
        super().register_hooks(*args, **kwargs)
        self.register_hook(PlainHistoryHook())
        self.register_hook(PreemptionHook())
        self.register_hook(FetchDeathsHook())
        self.register_hook(BatchNormRecordHook())
        if self.cfg.get('early_stopping'):
            self.register_hook(early_stopping(self.cfg.early_stopping))
        self.register_hook(NonFiniteHook(**self.cfg.get('non_finite', {})))
        self.register_hook(FiniteCheckpointHook())

    def build_optim_wrapper(self, optim_wrapper: OptimWrapper | dict) -> OptimWrapper:
        with building('optim_wrapper'):
            if isinstance(optim_wrapper, dict) and 'optimizer' in optim_wrapper:
                kind = find_class(optim_wrapper.get('type', 'OptimWrapper'), ('optim_wrapper',))
                merging = dict(constructor=MergingOptimWrapperConstructor)
                optim_wrapper = {**merging, **optim_wrapper, 'type': guarded(kind)}
            return super().build_optim_wrapper(optim_wrapper)

    def _init_model_weights(self) -> None:
        specs = pop_pretrained_cfg(unwrap(self.model))
        super()._init_model_weights()
        for spec in [] if self._resume else specs:
            self.logger.info(load_pretrained(spec))

    def load_checkpoint(
        self,
        filename: str,
        map_location: str = 'cpu',
        strict: bool = True,
        revise_keys: object = None,
    ) -> dict:
        """Load weights: to evaluate or resume, every tensor must be there and fit.

        To train anew (``load_from``), what lies behind the backbone may differ: see
        :mod:`mmdeeplab.checkpoint.fine_tune`.

        Raises:
            UserError: The file is missing, broken, unsafe, or not this model's.
        """
        checkpoint = read_checkpoint(filename)
        own = unwrap(self.model).state_dict()
        state = unwrapped(checkpoint['state_dict'], own, filename, self.logger.warning)
        checkpoint['state_dict'] = state
        require_weights(state, filename)
        if count := match_norm(unwrap(self.model), checkpoint['state_dict']):
            self.logger.info(f'BatchNorm: {count} layers became group norm, as in {filename}')
        if isinstance(self._train_loop, BaseLoop) and not self._resume:  # built: a run trains
            return self._fine_tune(checkpoint, filename)
        averaging = any(isinstance(hook, EMAHook) for hook in self.hooks)
        if self._resume and 'ema_state_dict' in checkpoint and not averaging:
            take_own_weights(checkpoint)
            self.logger.warning(f'the averaged weights of {filename} are dropped: no EMAHook')
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = unwrap(self.model)
        check_fit(checkpoint['state_dict'], model, filename)
        checkpoint['state_dict'] = self._by_name(checkpoint, filename)
        model.load_state_dict(checkpoint['state_dict'])
        self._has_loaded = True
        self.logger.info(f'loaded {len(checkpoint["state_dict"])} tensors from {filename}')
        return checkpoint

    def _by_name(self, checkpoint: dict, path: str) -> dict:
        """The weights for the classes of the data that is evaluated, or trained on further.

        Raises:
            UserError: Its classes are not the checkpoint's; in another order on resume.
        """
        state, source = checkpoint['state_dict'], class_names(checkpoint)
        own, root = data_classes(self)
        if source is None or own is None or in_order(source, own):
            return state
        model, mapped = unwrap(self.model), None
        if not self._resume:
            count = getattr(model, 'num_classes', 0)
            mapped = by_name(state, classifier_keys(model, count), source, own)
        if mapped is None:
            require_order(source, own, path, root)
            return state
        self.logger.warning(f'the classes of {path} stand in another order: mapped by name')
        return mapped

    def _fine_tune(self, checkpoint: dict, path: str) -> dict:
        model = unwrap(self.model)
        say = self.logger.warning
        state = in_backbone(checkpoint['state_dict'], model.state_dict(), path, say)
        dataset = self.train_loop.dataloader.dataset
        result = fine_tune(
            state,
            model.state_dict(),
            path,
            classifiers=classifier_keys(model, model.num_classes),
            source_classes=class_names(checkpoint),
            model_classes=dataset.metainfo.get('classes'),
            **(self.cfg.get('finetune') or {}),
        )
        model.load_state_dict(result.state)
        self.logger.info(result.sentence(path))
        norms = folded_norms(model)
        if norms:
            count = unfold_batch_norm_on(model, norms, dataset)
            self.logger.info(
                f'{len(norms)} norms were folded into their convolutions: statistics taken from '
                f'{count} training images'
            )
        checkpoint['state_dict'] = model.state_dict()
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self._has_loaded = True
        return checkpoint
