"""Trainings of the miniature VOC: whole, interrupted, in every number format."""

import shutil
import traceback
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.case import Skip
from benchmarks.gpu.job import Job
from benchmarks.gpu.process import alone
from mmdeeplab.checkpoint.store import load
from mmdeeplab.cli.train import main
from mmdeeplab.config.shipped import config_path
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.report.history import read_history

CONFIG = 'deeplabv3plus_mobilenetv2_mini-voc'
FP32 = 'optim_wrapper.type=OptimWrapper'
KINDS = {
    # a scale at which the first steps do not overflow: a step that does is skipped
    'fp16': ('optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.loss_scale.init_scale=1024'),
    'bf16': ('optim_wrapper.type=mmdeeplab.AutocastOptimWrapper',),
    'channels_last': (FP32, 'channels_last=True'),
    'recompute': (FP32, 'recompute=[backbone.blocks.1]'),
}
NEAR = 0.1  # of the loss: rounding moves the first steps of a training from scratch
LAST = 5  # steps whose loss is averaged
TINY = (
    *('train_dataloader.batch_size=2', 'train_dataloader.dataset.pipeline.2.crop_size=(33,33)'),
    *('model.data_preprocessor.size=(33,33)', 'model.data_preprocessor.test_size=(49,49)'),
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val')),
)


def data(job: Job, size: int = 128) -> Path:
    """A miniature VOC of pictures of that size, made once for all pieces."""
    folder = job.folder.parent / f'mini-voc-{job.of(size, 64)}'
    spec = MiniVoc(train=job.of(64, 8), val=job.of(10, 2), size=job.of(size, 64))
    generate(folder, spec, force=True, quiet=True)
    return folder


def arguments(job: Job, work: Path, steps: int, settings: Sequence[str] = ()) -> list[str]:
    """Arguments of ``train.py`` for a run of ``steps`` steps that logs each of them."""
    every = [f'train_cfg.max_iters={steps}', f'train_cfg.val_interval={steps}']
    every += ['default_hooks.logger.interval=1', *(TINY if job.tiny else ())]
    paths = ['--data-root', str(data(job)), '--work-dir', str(work)]
    return [config_path(CONFIG), *paths, '--cfg-options', *every, *settings]


def train(argv: list[str]) -> None:
    """Run ``train.py`` in this process.

    Raises:
        RuntimeError: It refused; the log has the sentence.
    """
    if status := main(argv):
        raise RuntimeError(f'train.py ended with {status}: see the log of the piece')


def training(job: Job) -> None:
    """Train as a user does: check of the data, preflight, bf16, checkpoint, evaluation."""
    steps, work = job.of(40, 3), job.folder / 'work'
    train(arguments(job, work, steps))
    history = read_history(work)
    losses = [value for _, value in history['loss']]
    part = max(len(losses) // 4, 1)
    first, last = fmean(losses[:part]), fmean(losses[-part:])
    words = f'{first:.3f} in the first quarter, {last:.3f} in the last'
    job.note(f'loss of {steps} steps', words, 'falls', None if job.tiny else last < first)
    saved = sorted(path.name for path in work.glob('*.safetensors'))
    job.note('checkpoint', ', '.join(saved), f'iter_{steps}', f'iter_{steps}.safetensors' in saved)
    scores = [value for _, value in history.get('mIoU', [])]
    job.note('evaluation', f'mIoU {scores}', 'one', len(scores) == 1)


def resume(job: Job) -> None:
    """Resume a run from its middle in another process; compare every tensor of the checkpoint."""
    steps = job.of(20, 2)
    for deterministic in (True, False)[: job.of(2, 1)]:
        settings = [f'default_hooks.checkpoint.interval={steps // 2}']
        settings += [f'randomness.deterministic={deterministic}', 'train_dataloader.num_workers=0']
        settings += ['train_dataloader.persistent_workers=False', f'train_cfg.val_interval={steps}']
        whole, again = (job.folder / f'{name}-{deterministic}' for name in ('whole', 'again'))
        _alone(job, arguments(job, whole, steps, settings))
        again.mkdir()
        shutil.copy(whole / f'iter_{steps // 2}.safetensors', again)
        _alone(job, ['--resume', 'latest', *arguments(job, again, steps, settings)])
        a, b = (load(path / f'iter_{steps}.safetensors')['state_dict'] for path in (whole, again))
        others = sum(not a[key].equal(b[key]) for key in a)
        job.note(
            f'tensors that differ after {steps} steps, interrupted after {steps // 2}, '
            f'deterministic={deterministic}',
            f'{others} of {len(a)}',
            '0' if deterministic else '',
            others == 0 if deterministic else None,
        )


def _alone(job: Job, argv: list[str]) -> None:
    ended = alone(train, argv, log=job.folder / 'log.txt', limit=90)
    if ended.status or ended.late:
        raise RuntimeError(f'train.py ended with {ended.status}: see the log of the piece')


def precision(job: Job) -> None:
    """The loss of the same steps in each number format and layout, beside float32's."""
    steps = job.of(20, 2)

    def loss(name: str, settings: Sequence[str]) -> float:
        work = job.folder / name
        cheap = ['check_data=False', f'train_cfg.val_interval={10 * steps}']
        train(['--no-preflight', *arguments(job, work, steps, [*settings, *cheap])])
        return fmean(value for _, value in read_history(work)['loss'][-LAST:])

    truth = loss('fp32', [FP32])
    job.note('fp32', f'loss {truth:.4f} over the last of {steps} steps')
    for name, settings in list(KINDS.items())[: job.of(len(KINDS), 2)]:
        try:
            if name == 'fp16' and job.device == 'cpu':
                raise Skip('float16 is for GPUs')
            mean_loss = loss(name, settings)
        except Skip as reason:
            job.note(name, f'left out: {reason}')
            continue
        except Exception as error:
            traceback.print_exc()
            job.note(name, f'{type(error).__name__}: {error}'[:300], 'runs', False)
            continue
        near = abs(mean_loss - truth) <= NEAR * truth
        wanted = f'within {NEAR:.0%} of {truth:.4f}'
        job.note(name, f'loss {mean_loss:.4f}', wanted, None if job.tiny else near)
