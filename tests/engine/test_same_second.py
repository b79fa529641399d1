"""Runs of one process that start in the same second."""

from pathlib import Path

import pytest
from few_labels_runs import draw, runner_of


def test_each_writes_into_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmengine.runner.runner.time.strftime', lambda *_: '20260101_000000')
    root = draw(tmp_path / 'data')
    hooks = [dict(type='mmdeeplab.MeanTeacherHook')]
    runs = [
        runner_of(root, tmp_path / name, hooks, experiment_name='same') for name in ('a', 'b', 'c')
    ]
    for run in runs:
        assert Path(run.visualizer._vis_backends['LocalVisBackend']._save_dir).parts[-3] == (
            Path(run.work_dir).name
        )
        assert list(Path(run.work_dir).rglob('*.log'))
    for kind in ('logger', 'message_hub', 'visualizer'):
        assert len({id(getattr(run, kind)) for run in runs}) == len(runs)
