"""A profile of our steps with all hooks and the loader, as a training runs them."""

from functools import partial
from typing import Any

import torch
from mmengine.hooks import Hook
from torch.profiler import ProfilerActivity, schedule
from torch.profiler import profile as torch_profile

from benchmarks.cases.inference import SMALL, XCEPTION
from benchmarks.gpu import trace
from benchmarks.gpu.job import Job
from benchmarks.gpu.steps import BF16, FP32
from benchmarks.gpu.training import data
from mmdeeplab.config.changes import with_settings
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.engine.runner import DeepLabRunner

GAPS = 0.05  # of a step, at most
WAYS = {
    'fp32': (FP32, 'channels_last=False'),
    'bf16': (BF16, 'channels_last=False'),
    'bf16, channels last': (BF16, 'channels_last=True'),
}
LOADER = (
    *('dataset.split=train', 'dataset.mask_dir=SegmentationClass'),
    *('num_workers=0', 'persistent_workers=False'),
)
WORKERS = 8


class ProfileHook(Hook):
    """Profile some steps of a training.

    Args:
        file: Takes the trace.
        before: Steps that are run before.
        steps: That are profiled.
    """

    priority = 'LOWEST'  # the profiler's step ends behind all hooks

    def __init__(self, file: str, before: int, steps: int) -> None:
        seen = torch.profiler.supported_activities()
        wanted = {ProfilerActivity.CPU, ProfilerActivity.CUDA} & seen
        plan = schedule(wait=before - 1, warmup=1, active=steps, repeat=1)
        self.file, self.profiler = file, torch_profile(activities=wanted, schedule=plan)

    def before_train(self, runner: Any) -> None:
        self.profiler.start()

    def after_train_iter(self, runner: Any, *args: object, **kwargs: object) -> None:
        self.profiler.step()

    def after_train(self, runner: Any) -> None:
        self.profiler.stop()
        self.profiler.export_chrome_trace(self.file)


def profile(job: Job) -> None:
    """Each way: gaps, copies, optimiser, launches, waits, the longest kernels."""
    for name, way in list(WAYS.items())[: job.of(len(WAYS), 1)]:
        steps = job.of(5, 1)
        file = job.folder / f'trace-{name.replace(", ", "-").replace(" ", "-")}.json.gz'
        train(job, way, ProfileHook(str(file), job.of(5, 1), steps))
        tell(job, name, trace.summary(trace.read(file), steps))


def train(job: Job, way: tuple[str, ...], hook: ProfileHook) -> None:
    """The recipe of VOC on pictures of VOC's size."""
    side, length = job.of(513, 65), job.of(12, 3)
    crop = f'({side},{side})'
    options = [*way, f'train_cfg.max_iters={length}', f'train_cfg.val_interval={10 * length}']
    options += [f'train_dataloader.{option}' for option in LOADER]
    options += [f'train_dataloader.dataset.pipeline.2.crop_size={crop}', 'check_data=False']
    options += [f'model.data_preprocessor.size={crop}', 'bn_policy=train']
    options += [f'train_dataloader.batch_size={job.of(16, 2)}']
    if not job.tiny:
        workers = [f'num_workers={WORKERS}', 'persistent_workers=True']
        options += [f'train_dataloader.{option}' for option in workers]
    settings = {
        'work_dir': f'{hook.file}.work',
        'log_level': 'ERROR',
        'default_hooks.checkpoint.interval': 10 * length,
    }
    cfg = load_config(
        SMALL if job.tiny else XCEPTION,
        ConfigOptions(options, data_root=str(data(job, 500))),
        [partial(with_settings, values=settings)],
    )
    runner = DeepLabRunner.from_cfg(cfg)
    runner.register_hook(hook)
    runner.train()


def tell(job: Job, name: str, figures: dict) -> None:
    """Note the figures of one way, or that its trace has no kernel."""
    if not figures or not job.rated:
        job.note(name, 'ran; no kernel of a GPU in the trace' if not figures else 'ran')
        return
    gaps = figures['gaps']
    words = f'{gaps:.1%} of {figures["milliseconds"]:.1f} ms'
    job.note(f'{name}: gaps', words, f'below {GAPS:.0%}', gaps < GAPS)
    copied = ', '.join(f'{copy} {time:.2f} ms' for copy, time in figures['copied'].items())
    job.note(f'{name}: copies', f'{figures["copies"]:.1%} of a step: {copied}')
    share = figures['optimiser']
    job.note(f'{name}: optimiser', 'not seen' if share is None else f'{share:.1%} of a step')
    counts = ', '.join(f'{figures[key]:.0f} {key}' for key in ('kernels', 'launches', 'waits'))
    job.note(f'{name}: counts of a step', counts)
    for kernel, part in figures['longest'].items():
        job.note(f'{name}: {kernel[:90]}', f'{part:.1%} of a step')
