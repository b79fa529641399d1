"""MMEngine's Runner, readable on the console, distributed on CPUs too, strict about weights."""

import inspect
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop
from torch import nn
from tqdm import tqdm

import mmdeeplab
from mmdeeplab.engine.checkpoint import (
    PlainHistoryHook,
    check_fit,
    read_checkpoint,
    require_weights,
    unwrap,
)
from mmdeeplab.engine.group import join
from mmdeeplab.engine.non_finite import FiniteCheckpointHook, NonFiniteHook, guarded
from mmdeeplab.engine.preemption import PreemptionHook
from mmdeeplab.engine.pretrained import fulfil, take_wishes
from mmdeeplab.engine.resumable import ResumableRunner
from mmdeeplab.errors import UserError
from mmdeeplab.registry import RUNNERS
from mmdeeplab.schema.classes import find_class

# Whose notices a person wants to read. The whole path: a checkout may itself be called mmdeeplab.
OWN_VOICES = (str(Path(mmdeeplab.__file__).parent) + os.sep, inspect.getfile(LoggerHook))
NOISE = ('"FileClient" will be', '"HardDiskBackend" is', 'Exp name:')  # MMEngine on itself


class ConsoleHandler(logging.Handler):
    """Print notices of the run above any progress bar, in one short line each.

    MMEngine's own notices (environment, the whole config, the order of hooks) go to the log file
    only; warnings are shown whoever gives them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter('%(asctime)s  %(message)s', '%H:%M:%S'))

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith(NOISE):
            return False
        return record.levelno >= logging.WARNING or record.pathname.startswith(OWN_VOICES)

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stdout)
        sys.stdout.flush()


@contextmanager
def building(what: str) -> Iterator[None]:
    """Say what part of a config cannot be built."""
    try:
        yield
    except UserError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
        raise UserError(f'{what} cannot be built from the config: {error}') from error


@RUNNERS.register_module()
class DeepLabRunner(ResumableRunner):
    """A Runner that a config names by ``runner_type = 'mmdeeplab.DeepLabRunner'``.

    Differs from MMEngine's: ``launcher='pytorch'`` without a GPU runs on gloo; BatchNorm becomes
    SyncBN when several processes run on GPUs; the console stays readable; weights are loaded
    without executing anything and must fit.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'DeepLabRunner':
        with building('the run'):
            return super().from_cfg(cfg)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        with building('train_cfg or train_dataloader'):
            return super().build_train_loop(loop)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        with building('val_cfg, val_dataloader or val_evaluator'):
            return super().build_val_loop(loop)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        with building('test_cfg, test_dataloader or test_evaluator'):
            return super().build_test_loop(loop)

    def setup_env(self, env_cfg: dict) -> None:
        self.timeout = env_cfg.get('dist_cfg', {}).get('timeout', 300)
        if self.launcher == 'pytorch' and not torch.distributed.is_initialized():
            if 'RANK' not in os.environ:
                raise UserError(
                    '--launcher pytorch runs under torchrun: tools/dist_train.sh CONFIG GPUS'
                )
            join(self.timeout)
        super().setup_env(env_cfg)

    def build_logger(
        self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: object
    ) -> MMLogger:
        logger = super().build_logger(log_level, log_file, **kwargs)
        for i, handler in enumerate(logger.handlers):
            if type(handler) is logging.StreamHandler:
                logger.handlers[i] = console = ConsoleHandler()
                console.setLevel(handler.level)
        return logger

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        if self.distributed and not torch.cuda.is_available():
            default = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
            model_wrapper_cfg = {**default, **(model_wrapper_cfg or {}), 'device_ids': None}
            self.logger.info(f'processes: {self.world_size} on CPUs (gloo), plain BatchNorm')
        elif self.distributed and self.world_size > 1:
            self.cfg.setdefault('sync_bn', 'torch')
            self.logger.info(f'processes: {self.world_size} on GPUs (NCCL), SyncBN')
        return super().wrap_model(model_wrapper_cfg, model)

    def register_hooks(self, *args: object, **kwargs: object) -> None:
        super().register_hooks(*args, **kwargs)
        self.register_hook(PlainHistoryHook())
        self.register_hook(PreemptionHook())
        self.register_hook(NonFiniteHook(**self.cfg.get('non_finite', {})))
        self.register_hook(FiniteCheckpointHook())

    def build_optim_wrapper(self, optim_wrapper: OptimWrapper | dict) -> OptimWrapper:
        with building('optim_wrapper'):
            if isinstance(optim_wrapper, dict) and 'optimizer' in optim_wrapper:
                kind = find_class(optim_wrapper.get('type', 'OptimWrapper'), ('optim_wrapper',))
                optim_wrapper = {**optim_wrapper, 'type': guarded(kind)}
            return super().build_optim_wrapper(optim_wrapper)

    def _init_model_weights(self) -> None:
        wishes = take_wishes(unwrap(self.model))
        super()._init_model_weights()
        for wish in [] if self._resume else wishes:
            self.logger.info(fulfil(wish))

    def load_checkpoint(
        self,
        filename: str,
        map_location: str = 'cpu',
        strict: bool = True,
        revise_keys: object = None,
    ) -> dict:
        """Load weights; every tensor must be there and fit.

        Raises:
            UserError: The file is missing, broken, unsafe, or not this model's.
        """
        checkpoint = read_checkpoint(filename)
        require_weights(checkpoint['state_dict'], filename)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = unwrap(self.model)
        check_fit(checkpoint['state_dict'], model, filename)
        model.load_state_dict(checkpoint['state_dict'])
        self._has_loaded = True
        self.logger.info(f'loaded {len(checkpoint["state_dict"])} tensors from {filename}')
        return checkpoint
