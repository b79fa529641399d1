"""Try one batch of everything before the first step, so that errors show at once, not in hours."""

import logging
import random
import shutil
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, unwrap
from mmdeeplab.engine.checks.averages import check_begins
from mmdeeplab.engine.checks.lengths import check_custom_keys, check_lengths
from mmdeeplab.engine.checks.loss_terms import check_terms
from mmdeeplab.engine.checks.monitors import check_has_validation, check_scores
from mmdeeplab.engine.checks.schedules import misfits
from mmdeeplab.engine.dataloader_checks import batch_size, is_infinite
from mmdeeplab.engine.teachers.teacher import Teacher
from mmdeeplab.errors import UserError, listed
from mmdeeplab.evaluation.evaluator import collision
from mmdeeplab.finite import all_finite, image_ids, require_finite_predictions
from mmdeeplab.models.modes import kept_modes
from mmdeeplab.registry import HOOKS

FOLDER = 'preflight'
UNKNOWN_BATCH = 2  # images where a batch sampler does not tell: enough for every norm


@HOOKS.register_module()
class PreflightHook(Hook):
    """Before training, train and evaluate one batch, and save and load one checkpoint.

    Weights, statistics of norms, gradients and random generators are afterwards bit for bit as
    before, so the run gives the same result with and without this hook.
    """

    priority = 'HIGH'  # after the checks of the data

    def before_train(self, runner: Runner) -> None:
        start = time.monotonic()
        check_lengths(runner)
        check_begins(runner)
        check_custom_keys(runner)
        check_has_validation(runner)
        for sentence in misfits(runner):
            runner.logger.warning(sentence)
        results = []
        try:
            with unchanged(runner):
                results.append(train_batch(runner))
                if runner.val_loop is not None:
                    results.append(val_batch(runner))
                results.append(checkpoint(runner))
        except UserError:
            raise
        except Exception as error:
            trace_file = Path(runner.work_dir) / 'preflight.txt'
            trace_file.write_text(traceback.format_exc(), 'utf-8', 'backslashreplace')
            raise UserError(
                f'the check before the first step failed: {type(error).__name__}: {error} '
                f'(where: {trace_file}; --no-preflight goes on without the check)'
            ) from error
        runner.logger.info(f'preflight: {", ".join(results)}; {time.monotonic() - start:.1f} s')


@contextmanager
def unchanged(runner: Runner) -> Iterator[None]:
    """Restore random generators, buffers, gradients and modes of modules after the block."""
    model = unwrap(runner.model)
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    gradients = [(p, p.grad) for p in model.parameters()]
    for parameter in model.parameters():  # a backward pass would add to what a step has begun
        parameter.grad = None
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        with kept_modes(model):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for parameter, gradient in gradients:
            parameter.grad = gradient


def sample(loader: DataLoader, count: int) -> Any:
    """Load the first ``count`` images as one batch, a share of each data set, in this process."""
    dataset: Any = loader.dataset
    parts = getattr(loader.sampler, 'parts', ())
    order = islice(loader.sampler, count) if len(parts) > 1 else range(min(count, len(dataset)))
    return loader.collate_fn([dataset[int(i)] for i in order])


def train_batch(runner: Runner) -> str:
    """Run the forward and backward pass of one training batch; the gradients are not kept."""
    loader, model = runner.train_loop.dataloader, unwrap(runner.model)
    size = min(batch_size(loader) or UNKNOWN_BATCH, len(loader.dataset))
    model.train()
    for count in (size, *([1] if size > 1 and _ends_with_one(loader, size) else [])):
        batch = sample(loader, count)
        for hook in runner.hooks:
            if isinstance(hook, Teacher):
                hook.teach(runner, batch)
        try:
            with runner.optim_wrapper.optim_context(model):
                data = model.data_preprocessor(batch, True)
                losses = model._run_forward(data, mode='loss')
            for sentence in check_terms(losses, model.parameters()):
                runner.logger.warning(sentence)
            loss, _ = model.parse_losses(losses)
            loss.backward()
        except ValueError as error:
            if 'more than 1 value per channel' not in str(error):
                raise
            raise UserError(
                f'a batch of {count} image is too small for the norms over whole maps: train with '
                'train_dataloader.batch_size of at least 2, and drop_last=True'
            ) from error
        _check_gradients(runner, loss, batch)
    return f'a training batch of {size}'


def _ends_with_one(loader: DataLoader, size: int) -> bool:
    """Whether the last batch of an epoch has one image."""
    batches: Any = loader.batch_sampler
    dataset: Any = loader.dataset
    drops = getattr(batches, 'drop_last', True)  # one that does not tell may make whole batches
    infinite = is_infinite(getattr(batches, 'sampler', loader.sampler))
    return len(dataset) % size == 1 and not infinite and not drops


def _check_gradients(runner: Runner, loss: Tensor, batch: Any) -> None:
    gradients = {k: p.grad for k, p in unwrap(runner.model).named_parameters() if p.requires_grad}
    computed = [gradient for gradient in gradients.values() if gradient is not None]
    if not all_finite([loss.detach(), *computed]):
        raise UserError(
            f'the first batch ({listed(image_ids(batch))}) has loss {loss.item()}, or a gradient '
            'that is not finite'
        )
    unused = [name for name, gradient in gradients.items() if gradient is None]
    if unused and runner.distributed and not runner.cfg.get('find_unused_parameters'):
        raise UserError(
            f'{len(unused)} parameters get no gradient ({listed(unused)}), which several processes '
            'need: --cfg-options find_unused_parameters=True'
        )


def val_batch(runner: Runner) -> str:
    """Evaluate one batch, and check that the scores that the run depends on are measured."""
    loader, model = runner.val_loop.dataloader, unwrap(runner.model)
    model.eval()
    batch = sample(loader, batch_size(loader) or 1)
    with torch.no_grad():
        outputs = model.val_step(batch)
    require_finite_predictions(outputs)
    evaluator = deepcopy(runner.val_loop.evaluator)
    with silent(runner.logger):
        evaluator.process(data_samples=outputs, data_batch=batch)
        scores = evaluator.evaluate(len(outputs) * dist.get_world_size())
    if names := getattr(scores, 'collisions', ()):
        raise UserError(f'val_evaluator: {collision(names)}')
    check_scores(runner, scores)
    return 'an evaluated one'


@contextmanager
def silent(logger: logging.Logger) -> Iterator[None]:
    """Suppress all notices of a logger."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def checkpoint(runner: Runner) -> str:
    """Save a checkpoint as training does, in a folder of its own, read it, compare, delete it."""
    if not dist.is_main_process():
        return ''
    path = Path(runner.work_dir) / FOLDER / 'iter_0.safetensors'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        runner.save_checkpoint(str(path.parent), path.name, by_epoch=False)
        size = path.stat().st_size
        check_fit(read_checkpoint(path)['state_dict'], unwrap(runner.model), path)
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)
    return f'a checkpoint of {size / 1e6:.0f} MB'
