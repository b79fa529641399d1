"""What a run is set to is compared with what it will do, before its first step."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from robustness.tiny import Count, Noise, Toy, Trace, on_ranks, tiny_runner
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.utils.data import BatchSampler

from mmdeeplab.engine.hooks import recipe
from mmdeeplab.engine.hooks.early_stopping import EarlyStopping
from mmdeeplab.engine.hooks.preflight import PreflightHook
from mmdeeplab.errors import UserError

ITERS, EPOCHS = 100, 5
POLY, STEPS = dict(type='PolyLR', power=0.9), dict(type='MultiStepLR', milestones=[60, 90])
WARM, COSINE = dict(type='LinearLR', start_factor=0.1), dict(type='CosineAnnealingLR')


def check(folder: Path, **options: Any) -> list[str]:
    """What the check before the first step warns of; the run ends there."""

    class Stop(Exception):
        pass

    class Stopping(PreflightHook):
        def before_train(self, runner: Any) -> None:
            super().before_train(runner)
            raise Stop

    trace = Trace()
    options = dict(cfg=dict(bn_policy='train'), hooks=[trace]) | options
    options['hooks'] = [Stopping(), trace, *options['hooks']]
    runner = tiny_runner(folder, ITERS, **options)
    said: list[str] = []
    runner.logger.warning = lambda text, *_: said.append(str(text))  # type: ignore[method-assign]
    try:
        with pytest.raises(Stop):
            runner.train()
    finally:
        assert not trace.steps
    return said


@pytest.mark.parametrize(
    ('schedule', 'words'),
    [
        ([], []),
        ([dict(POLY)], []),
        ([dict(POLY, end=100)], []),
        ([dict(POLY, end=105)], []),
        ([dict(POLY, end=40)], ['PolyLR', 'ends at iteration 40, the run at 100']),
        ([dict(POLY, end=30000)], ['ends at iteration 30000', 'ends at 100']),
        ([dict(WARM, end=10), dict(POLY, begin=10)], []),
        ([dict(WARM, end=10)], []),
        ([dict(type='ConstantLR', end=10)], []),
        ([dict(WARM, end=150)], ['warms up until iteration 150', 'ends at 100']),
        (
            [dict(WARM, end=150), dict(POLY, begin=150, end=300)],
            ['until iteration 150', '0: it has'],
        ),
        (
            [dict(WARM, end=10), dict(POLY, begin=10, end=50)],
            ['param_scheduler.1', '50, the run at'],
        ),
        ([dict(WARM, end=20), dict(COSINE, begin=20, end=60), dict(POLY, begin=60)], []),
        ([dict(COSINE, T_max=100)], []),
        ([dict(COSINE, T_max=2000)], ['iteration 2000', '100']),
        ([dict(COSINE, T_max=20)], ['ends at iteration 20, the run at 100']),
        ([STEPS], []),
        ([dict(STEPS, milestones=[60, 2000])], ['steps at iteration 2000', 'ends at 100']),
        ([dict(type='StepLR', step_size=9)], []),
        ([dict(type='LinearLR', start_factor=1, end_factor=0.1, end=500)], ['500', '100']),
        (
            [POLY, dict(type='PolyMomentum', end=50)],
            ['PolyMomentum', '50', '100', 'momentum stays'],
        ),
        ([dict(POLY, by_epoch=True)], ['counts epochs', '(100)', 'lr never changes']),
        ([dict(type='ReduceOnPlateauLR', monitor='toy/count', by_epoch=True)], []),
    ],
    ids=str,
)
def test_a_schedule_that_does_not_fit_the_run_is_told(
    tmp_path: Path, schedule: list[dict], words: list[str]
) -> None:
    plan = [dict(by_epoch=False) | part for part in schedule]
    said = check(tmp_path, param_scheduler=plan, validate=50)
    assert all(word in ' '.join(said) for word in words)
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    ('schedule', 'words'),
    [
        ([dict(POLY, by_epoch=True)], []),
        ([dict(POLY, by_epoch=True, convert_to_iter_based=True, end=EPOCHS)], []),
        ([dict(WARM, by_epoch=False, end=9), dict(POLY, by_epoch=True)], []),
        ([dict(POLY, by_epoch=True, end=50)], ['ends at epoch 50', 'ends at 5']),
        ([dict(POLY, by_epoch=False, end=30000)], ['iteration 30000', f'ends at {EPOCHS * 9}']),
        ([dict(POLY, by_epoch=True, end=3)], ['ends at epoch 3, the run at 5']),
        ([dict(WARM, by_epoch=False, end=500)], ['warms up until iteration 500', '45']),
    ],
    ids=str,
)
def test_a_run_by_epochs_is_told_alike(tmp_path: Path, schedule: list, words: list) -> None:
    loop = dict(type='EpochBasedTrainLoop', max_epochs=EPOCHS)
    said = check(tmp_path, param_scheduler=schedule, train_cfg=loop)
    assert all(word in ' '.join(said) for word in words)
    assert bool(said) == bool(words)


def test_a_resumed_run_of_another_length_is_told(tmp_path: Path) -> None:
    plan = [dict(POLY, end=4, by_epoch=False)]
    tiny_runner(tmp_path, 4, param_scheduler=plan, cfg=dict(bn_policy='train')).train()
    said = check(tmp_path, param_scheduler=plan, resume=True)
    assert 'ends at iteration 4, the run at 100' in ' '.join(said)


def saved(**options: Any) -> dict:
    hook = dict(type='mmdeeplab.CheckpointHook', interval=2, **options)
    return dict(default_hooks=dict(checkpoint=hook))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(interval=200), 'interval=200 counts epochs, and the run ends at epoch 5'),
        (dict(interval=200, by_epoch=False), 'counts iterations, and the run ends at iteration 45'),
        (dict(interval=20, by_epoch=False), ''),
        (dict(interval=EPOCHS), ''),
        (dict(interval=None), ''),
        (dict(interval=-1), ''),
    ],
    ids=str,
)
def test_checkpoints_that_come_only_at_the_end_are_told(
    tmp_path: Path, options: dict, words: str
) -> None:
    loop = dict(type='EpochBasedTrainLoop', max_epochs=EPOCHS)
    hook = dict(type='mmdeeplab.CheckpointHook', **options)
    runner = tiny_runner(tmp_path, ITERS, train_cfg=loop, default_hooks=dict(checkpoint=hook))
    said: list[str] = []
    runner.logger.warning = lambda text, *_: said.append(str(text))  # type: ignore[method-assign]
    runner.train()
    assert bool([text for text in said if 'nothing is saved before' in text]) == bool(words)
    assert words in ' '.join(said)


def stopping(**options: Any) -> dict:
    return dict(hooks=[dict(type='EarlyStoppingHook', rule='greater') | options])


PLATEAU = dict(type='ReduceOnPlateauLR', monitor='toy/cuont', by_epoch=True)


class Silent(Count):
    """A metric without scores."""

    def compute_metrics(self, results: list) -> dict:
        return {}


SILENT = dict(val_evaluator=[Silent()])


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (saved(save_best='toy/cuont', rule='greater'), 'save_best=toy/cuont .*did you mean'),
        (saved(save_best=['toy/count', 'toy/cuont'], rule='greater'), 'save_best=toy/cuont'),
        (saved(save_best=['auto', 'toy/count']), 'default_hooks.checkpoint .*auto'),
        (saved(save_best='toy/count', rule='bigger'), 'default_hooks.checkpoint .*rule must be'),
        (saved(save_best='toy/count'), 'default_hooks.checkpoint .*rule must be specified'),
        (saved(save_best=['toy/count'], rule=['less'] * 3), 'Number of "rule" must be'),
        (saved(save_best='auto') | SILENT, 'first score .*, which gives none'),
        (saved(save_best='auto'), 'save_best is toy/count, .*rule must be specified'),
        (dict(hooks=[EarlyStopping('toy/cuont')]), 'early_stopping.monitor=toy/cuont'),
        (stopping(monitor='toy/cuont'), 'EarlyStoppingHook.monitor=toy/cuont'),
        (stopping(monitor='toy/count', rule='bigger'), 'got bigger'),
        (dict(param_scheduler=[PLATEAU]), 'param_scheduler.0.monitor=toy/cuont'),
        (dict(hooks=[EarlyStopping('toy/count')], validate=0), 'needs validation'),
    ],
    ids=lambda value: re.sub(' at 0x[0-9a-f]+', '', str(value)),  # the same in every process
)
def test_a_score_that_is_not_measured_is_refused(tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises((UserError, ValueError), match=words):
        check(tmp_path, **dict(validate=2) | options)


def test_scores_that_are_measured_are_not(tmp_path: Path) -> None:
    hooks = [EarlyStopping('toy/count'), *stopping(monitor='toy/count')['hooks']]
    plan = [PLATEAU | dict(monitor='toy/count')]
    best = saved(save_best=['toy/count'], rule='greater')
    assert check(tmp_path, validate=2, hooks=hooks, param_scheduler=plan, **best) == []


def test_save_best_auto_takes_the_first_score(tmp_path: Path) -> None:
    best = saved(save_best='auto', rule='greater')
    tiny_runner(tmp_path, 2, validate=2, hooks=[PreflightHook()], **best).train()
    assert (tmp_path / 'best_toy_count_iter_2.safetensors').is_file()
    with pytest.raises(UserError, match=r'save_best is toy/count, .*rule must be specified'):
        tiny_runner(tmp_path / 'rule', 2, validate=2, **saved(save_best='auto')).train()


class Heads(Toy):
    """The toy with the losses of two heads, under names of choice.

    Args:
        names: Of the terms, with their weights; two of a name are a list.
        frozen: Whether the second term depends on nothing that learns.
    """

    def __init__(self, names: dict, frozen: bool = False) -> None:
        super().__init__()
        self.names, self.frozen = names, frozen

    def forward(self, inputs: Any, label: Any, mode: str = 'loss') -> Any:
        x = torch.stack(list(inputs)).mean((2, 3))
        scores = self.linear(torch.cat([x, x[:, :1]], 1))
        if mode != 'loss':
            return scores
        loss = cross_entropy(scores, torch.as_tensor(label))
        losses: dict = {'decode.acc_seg': torch.tensor([50.0])}
        for i, (name, weight) in enumerate(self.names.items()):
            term = loss.detach() if i and self.frozen else loss
            losses[name] = [term * w for w in weight] if isinstance(weight, list) else term * weight
        return losses


@pytest.mark.parametrize(
    ('names', 'frozen', 'words'),
    [
        ({'decode.loss_ce': 1.0}, False, ''),
        ({'decode.loss_ce': 1.0, 'aux.loss_ce': 0.4}, False, ''),
        ({'decode.loss_ce': [1.0, 0.5]}, False, ''),
        ({'decode.loss_ce': [1.0, 0.0]}, False, ''),
        ({'decode.dice': 1.0}, False, "decode.dice is logged, .* loss_name='loss_dice'"),
        ({'decode.loss_ce': 1.0, 'decode.dice': 3.0}, False, 'decode.dice is logged'),
        ({'decode.loss_ce': 1.0, 'aux.Lovasz': 0.4}, False, 'aux.Lovasz is logged'),
        ({'decode.loss_ce': 1.0, 'aux_1.dice': [1.0, 2.0]}, False, 'aux_1.dice is logged'),
        ({'decode.loss_ce': 1.0, 'aux.loss_ce': 0.4}, True, 'aux.loss_ce .* sends no gradient'),
        ({'decode.loss_ce': 1.0, 'aux.loss_ce': [0.4, 1.0]}, True, 'aux.loss_ce .* no gradient'),
        ({'decode.loss_ce': 1.0, 'decode.loss_dice': 0.0}, False, 'told: decode.loss_dice is 0'),
        ({'decode.loss_ce': 1.0, 'aux.loss_ce': [0.0, 0.0]}, False, 'told: aux.loss_ce is 0'),
    ],
    ids=str,
)
def test_every_term_that_is_logged_is_trained_on(
    tmp_path: Path, names: dict, frozen: bool, words: str
) -> None:
    options = dict(model=Heads(names, frozen), param_scheduler=None, cfg=dict(bn_policy=None))
    if words and not words.startswith('told: '):
        with pytest.raises(UserError, match=words):
            check(tmp_path, **options)
        return
    said = check(tmp_path, **options)
    assert len(said) == bool(words)
    assert words.removeprefix('told: ') in ''.join(said)


@pytest.mark.parametrize(
    ('scale', 'ranks', 'rate'),
    [
        (None, 1, 0.007),
        (dict(enable=False, base_batch_size=16), 1, 0.007),
        (dict(enable=True, base_batch_size=16), 1, 0.00175),
        (dict(enable=True, base_batch_size=16), 8, 0.014),
    ],
)
def test_the_recipe_shows_the_rate_that_applies(
    scale: dict | None, ranks: int, rate: float
) -> None:
    run: Any = SimpleNamespace(
        cfg=Config(dict(auto_scale_lr=scale)),
        world_size=ranks,
        train_dataloader=SimpleNamespace(batch_size=4),
        optim_wrapper=SimpleNamespace(optimizer=SimpleNamespace(defaults=dict(lr=0.007))),
    )
    assert recipe.learning_rate(run) == rate


def test_the_recipes_rate_is_the_optimisers(tmp_path: Path) -> None:
    scale = dict(enable=True, base_batch_size=16)
    runner = tiny_runner(tmp_path, 1, auto_scale_lr=scale)
    runner.cfg = Config(dict(auto_scale_lr=scale))
    runner.train()
    assert runner.optim_wrapper.param_groups[0]['initial_lr'] == recipe.learning_rate(runner)


def test_the_rate_of_batches_from_a_batch_sampler_is_scaled(tmp_path: Path) -> None:
    scale = dict(enable=True, base_batch_size=16)
    loader = dict(
        batch_size=4, dataset=Noise(), sampler=dict(type='DefaultSampler'),
        batch_sampler=dict(type=BatchSampler, drop_last=True),
        collate_fn=dict(type='default_collate'),
    )  # fmt: skip
    runner = tiny_runner(tmp_path, 1, auto_scale_lr=scale, train_dataloader=loader)
    runner.cfg = Config(dict(auto_scale_lr=scale, train_dataloader=dict(batch_size=4)))
    runner.train()
    assert runner.optim_wrapper.param_groups[0]['initial_lr'] == recipe.learning_rate(runner)


def test_several_optimisers_have_no_one_rate() -> None:
    wrapper = OptimWrapper(SGD(Toy().parameters(), lr=0.1))
    run: Any = SimpleNamespace(cfg=Config(), optim_wrapper=OptimWrapperDict(a=wrapper))
    assert recipe.learning_rate(run) == recipe.UNKNOWN


@pytest.mark.parametrize(('find', 'status'), [(True, 0), (False, 2)])
def test_unused_parameters_are_found_on_cpus(tmp_path: Path, find: bool, status: int) -> None:
    def work() -> None:
        cfg = dict(find_unused_parameters=find, bn_policy=None)
        runner = tiny_runner(
            tmp_path, 3, model=Heads({'loss': 1.0}), cfg=cfg, launcher='pytorch',
            custom_hooks=[PreflightHook()],
        )  # fmt: skip
        runner.train()  # without it the second step waits for gradients that do not come
        assert runner.model.find_unused_parameters

    log = tmp_path / 'log'
    assert on_ranks(work, 2, log) == [status] * 2, log.read_text()
    assert ('find_unused_parameters=True' in log.read_text()) != find


@pytest.mark.parametrize('gpu', [True, False])
@pytest.mark.parametrize(
    'wrapper', [None, dict(broadcast_buffers=True), dict(type='MMDistributedDataParallel')]
)
@pytest.mark.parametrize('find', [True, False])
def test_every_wrapper_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, wrapper: dict | None, find: bool
) -> None:
    runner = tiny_runner(tmp_path, 1, cfg=dict(find_unused_parameters=find, bn_policy=None))
    given: list[dict] = []
    monkeypatch.setattr(Runner, 'wrap_model', lambda self, cfg, model: given.append(cfg))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(runner, '_distributed', True)
    runner.wrap_model(wrapper, runner.model)
    default = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
    default |= {} if gpu else dict(device_ids=None)
    assert given == [default | dict(find_unused_parameters=find) | (wrapper or {})]


@pytest.mark.parametrize(
    ('hooks', 'words'),
    [
        ([dict(), dict(momentum=0.1)], 'EMAHook and EMAHook would swap .*: keep one'),
        ([dict(ema_type='ExponentialMovingAverag')], 'did you mean ExponentialMovingAverage'),
        ([dict(begin_iter=101)], 'begin_iter=101 is after the end of the run, 100'),
        ([dict(begin_epoch=2)], 'begin_epoch=2: the run counts iterations'),
    ],
)
def test_averages_that_cannot_be_are_refused(tmp_path: Path, hooks: list, words: str) -> None:
    averages = [dict(type='EMAHook', **hook) for hook in hooks]
    with pytest.raises(UserError, match=words):
        tiny_runner(tmp_path, 100, custom_hooks=[*averages, PreflightHook()]).train()


def test_an_impossible_schedule_is_a_sentence(tmp_path: Path) -> None:
    plan = [dict(type='ReduceOnPlateauLR', by_epoch=False)]
    with pytest.raises(UserError, match=r'param_scheduler cannot be built .*by_epoch=True'):
        tiny_runner(tmp_path, 4, param_scheduler=plan).train()
