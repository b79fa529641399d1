"""NaN and Inf in loss, gradient, weight and input, once or for good."""

import math
import random
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample
from torch import Tensor

from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.errors import UserError
from mmdeeplab.finite import broken
from robustness import Outcome
from robustness.tiny import Noise, Toy, fingerprint, tiny_runner

ITERS, PATIENCE = 12, 3
KINDS = ('loss', 'gradient', 'input', 'weight')


class Named(Noise):
    """The toy's pictures, each with a name."""

    def __getitem__(self, index: int) -> dict:
        sample = SegDataSample(metainfo=dict(img_path=f'pictures/{int(index):03}.jpg'))
        return super().__getitem__(index) | dict(data_samples=sample)


class Injected(Toy):
    """The toy, whose loss can be spoilt."""

    spoil = 0.0

    def forward(self, inputs: Any, label: Any, mode: str = 'loss', data_samples: Any = None) -> Any:
        out = super().forward(inputs, label, mode)
        return dict(loss=out['loss'] + self.spoil) if mode == 'loss' and self.spoil else out


class Inject(Hook):
    """Spoil steps ``first`` to ``last`` and note what each left behind."""

    def __init__(self, kind: str, value: float, first: int, last: int) -> None:
        self.kind, self.value, self.first, self.last = kind, value, first, last
        self.now = False
        self.names: list[str] = []
        self.states: list[str] = []

    def before_train(self, runner: Runner) -> None:
        runner.model.conv.weight.register_hook(self._gradient)

    def _gradient(self, gradient: Tensor) -> Tensor:
        return gradient * self.value if self.now and self.kind == 'gradient' else gradient

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.now = self.first <= runner.iter <= self.last
        runner.model.spoil = self.value if self.now and self.kind == 'loss' else 0.0
        self.names = [Path(sample.img_path).stem for sample in data_batch['data_samples']]
        if self.now and self.kind == 'input':
            data_batch['inputs'][1][0, 0, 0] = self.value
        if self.now and self.kind == 'weight':
            runner.model.conv.weight.data[0, 0, 0, 0] = self.value

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        momentum = runner.optim_wrapper.state_dict()['state']
        self.states.append(fingerprint([runner.model.state_dict(), momentum]))


def run(n: int, folder: Path) -> Outcome:
    """Spoil one step, or all from one on, ``n`` times over the kinds."""
    failures = []
    for i in range(n):
        kind, lasting = KINDS[i % 4], i // 4 % 2 == 1
        value = random.choice((math.nan, math.inf, -math.inf))
        step = random.randrange(1, ITERS - PATIENCE)
        fault = attempt(folder / str(i), kind, value, step, lasting)
        if fault:
            failures.append(f'{value} in the {kind} of step {step + 1}, lasting={lasting}: {fault}')
    return Outcome(n, n - len(failures), failures)


def attempt(folder: Path, kind: str, value: float, step: int, lasting: bool, **options: Any) -> str:
    """One run; what went wrong, or nothing."""
    hook = Inject(kind, value, step, ITERS if lasting else step)
    data = dict(batch_size=4, dataset=Named(), sampler=dict(type='mmdeeplab.ResumableSampler'))
    runner = tiny_runner(
        folder,
        ITERS,
        interval=1,
        keep=-1,
        hooks=[hook],
        model=Injected(),
        train_dataloader=data,
        cfg=dict(non_finite=dict(patience=PATIENCE), bn_policy='train'),
        **options,
    )
    error = ''
    try:
        runner.train()
    except UserError as caught:
        error = str(caught)
    saved = [read_checkpoint(path) for path in folder.glob('iter_*.safetensors')]
    if any(broken(checkpoint['state_dict']) for checkpoint in saved) or not saved:
        return f'{len(saved)} checkpoints, not all finite'
    if not (lasting or kind == 'weight'):
        skipped = getattr(getattr(runner.optim_wrapper, 'guard', None), 'skipped', 0)
        same = hook.states[step] == hook.states[step - 1]
        last = not broken(runner.model.state_dict()) and runner.iter == ITERS
        return '' if skipped == 1 and same and last and not error else f'{error}, skipped {skipped}'
    expected = step + (1 if kind == 'weight' else PATIENCE)
    good = f'in step {expected}' in error and all(name in error for name in hook.names)
    return '' if good else f'stopped with {error!r}, wanted in step {expected}'
