"""The ablation: its table from hand-written results, its resuming, and one tiny real run."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image
from places import ROOT
from tools_conftest import XCEPTION, Tool, data, tool

from benchmarks.ablation import runs
from benchmarks.ablation.command import main
from benchmarks.ablation.plan import BANDS, VARIANTS, Run, Settings, plan
from benchmarks.ablation.report import collect, markdown, summarise
from benchmarks.ablation.runs import complete, costs
from mmdeeplab.errors import UserError

__all__ = ['data', 'tool']

SETTINGS = Settings('somewhere', 7)
NAMES = [variant.name for variant in VARIANTS]


def result(score: float, multiply_adds: int = 2_000_000_000) -> dict:
    return dict(
        mIoU=score,
        trimap={str(width): score - 10 + width for width in BANDS},
        parameters=12_345,
        multiply_adds={'513': 20 * multiply_adds, '97': multiply_adds},
        crop=97,
        batch_size=8,
        seconds_per_step=0.5,
    )


class Stub:
    """A runner that notes what it is asked for and fails at one run."""

    def __init__(self, fail_at: str = '') -> None:
        self.fail_at, self.names = fail_at, []

    def __call__(self, run: Run, settings: Settings, work: Path) -> dict:
        assert not list(work.iterdir())
        (work / 'iter_7.safetensors').touch()
        if run.name == self.fail_at:
            raise KeyboardInterrupt
        self.names.append(run.name)
        base = run.variant.name == 'base'
        return result(30 + 2 * run.seed if base else 20 + run.seed, 2 * 10**9 if base else 10**9)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    complete(plan(['base', 'plain'], 3), SETTINGS, tmp_path, Stub())
    return tmp_path


def test_plan_completes_a_seed_before_the_next() -> None:
    runs = plan(NAMES, 2)
    assert [run.name for run in runs] == [f'{n}-seed{s}' for s in (0, 1) for n in NAMES]


def test_an_interrupted_run_is_done_again_and_finished_ones_are_kept(tmp_path: Path) -> None:
    runs = plan(NAMES, 2)
    names = [run.name for run in runs]
    first = Stub(fail_at=names[4])
    with pytest.raises(KeyboardInterrupt):
        complete(runs, SETTINGS, tmp_path, first)
    assert first.names == names[:4]
    second = Stub()
    complete(runs, SETTINGS, tmp_path, second)
    assert second.names == names[4:]
    third = Stub()
    complete(runs, SETTINGS, tmp_path, third)
    assert third.names == []
    assert sorted(p.stem for p in (tmp_path / 'runs').iterdir()) == sorted(names)


def test_results_of_other_settings_are_not_mixed(done: Path) -> None:
    with pytest.raises(UserError, match=r'iters 7, now 8.*another --out'):
        complete(plan(['base'], 3), Settings('somewhere', 8), done, Stub())
    path = done / 'runs' / 'base-seed0.json'
    changed = json.loads(path.read_text())
    changed['settings']['iters'] = 9
    path.write_text(json.dumps(changed))
    with pytest.raises(UserError, match='2 settings'):
        collect(done)


def another_picture(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / 'a.jpg').write_bytes(b'2')


def another_name(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / 'a.jpg').rename(data / 'b.jpg')


def another_version(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, '__version__', '0.0.9')


def another_config(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = data.parent / 'home'
    shutil.copytree(ROOT / 'configs', home / 'configs')
    with (home / 'configs/_base_/models/deeplabv3plus_xception.py').open('a') as base:
        base.write('# changed')
    monkeypatch.setattr(runs, 'HOME', home)


CHANGES = [another_picture, another_name, another_version, another_config]


@pytest.mark.parametrize('change', CHANGES)
def test_results_made_from_something_else_are_not_mixed(
    change: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / 'data', tmp_path / 'out'
    data.mkdir()
    (data / 'a.jpg').write_bytes(b'1')
    settings = Settings(str(data), 7)
    complete(plan(['base'], 1), settings, out, Stub())
    (data / 'a.jpg').touch()
    complete(plan(['base'], 1), settings, out, Stub(fail_at='base-seed0'))
    change(data, monkeypatch)
    with pytest.raises(UserError, match='another --out'):
        complete(plan(['base'], 1), settings, out, Stub())
    if change is not another_config:  # which is a variant's own
        monkeypatch.setattr(runs, 'is_finished', lambda run, *_: run.seed == 0)
        complete(plan(['base'], 2), settings, out, Stub())
        with pytest.raises(UserError, match='2 settings'):
            collect(out)


def test_summary_by_hand(done: Path) -> None:
    base, plain = summarise(collect(done))['variants']
    assert base['mIoU'] == dict(mean=32, spread=2, values=[30, 32, 34])
    assert plain['mIoU'] == dict(mean=21, spread=1, values=[20, 21, 22])
    assert plain['to_base']['mIoU']['mean'] == -11
    assert plain['to_base']['mIoU']['error'] == pytest.approx(math.sqrt(4 / 3 + 1 / 3))
    assert plain['trimap']['4'] == dict(mean=15, spread=1, values=[14, 15, 16])
    assert plain['to_base']['multiply_adds'] == {'513': -0.5, '97': -0.5}


def test_table(done: Path) -> None:
    text = markdown(summarise(collect(done)))
    assert '7 iterations of 8 crops of 97 pixels; 3 seeds' in text
    (row,) = [line for line in text.splitlines() if '21.00 ± 1.00' in line]
    assert '-11.00 ± 1.29 | +0.14' in row
    assert '12.00 ± 1.00 | 13.00 ± 1.00 | 15.00 ± 1.00 | 19.00 ± 1.00' in row
    (row,) = [line for line in text.splitlines() if '(-50 %)' in line]
    assert '12,345 | 20.00 G (-50 %) | +66 % | 1.00 G (-50 %) | 0.50' in row
    widths = {line.count('|') for line in text.splitlines() if line.startswith('|')}
    assert widths == {9, 7}


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    complete(plan(['base', 'spp'], 1), SETTINGS, tmp_path, Stub())
    text = markdown(summarise(collect(tmp_path)))
    assert '1 seed.' in text
    assert '| 20.00 | -10.00 | none |' in text


def test_the_command_draws_table_and_plot(done: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['--table', '--out', str(done)]) == 0
    assert (done / 'table.md').read_text() in capsys.readouterr().out
    written = json.loads((done / 'results.json').read_text())
    assert [entry['variant'] for entry in written['variants']] == ['base', 'plain']
    with Image.open(done / 'plot.png') as plot:
        assert plot.size == (900, 380)


def test_mistakes_are_answered_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['--table', '--out', str(tmp_path)]) == 2
    assert 'no result of the base' in capsys.readouterr().err
    assert main(['--data', 'nowhere', '--out', str(tmp_path)]) == 2
    assert 'nowhere' in capsys.readouterr().err
    assert main(['--seeds', '0', '--out', str(tmp_path)]) == 2
    assert 'got 0 and 200' in capsys.readouterr().err


def differences(ours: dict, base: dict, prefix: str = '') -> set[str]:
    """Dotted keys whose values differ; a part of another type counts as one."""
    found = set()
    for key in {*ours, *base}:
        pair = ours.get(key), base.get(key)
        both = all(isinstance(value, dict) for value in pair)
        if both and pair[0].get('type') == pair[1].get('type'):
            found |= differences(*pair, f'{prefix}{key}.')
        elif pair[0] != pair[1]:
            found.add(f'{prefix}{key}')
    return found


CHANGES = {
    'base': set(),
    'no-decoder': {'model.decode_head'},
    'resnet101': {'model.backbone'},
    'plain': {'model.neck.separable', 'model.decode_head.separable'},
    'spp': {'model.neck'},
}


@pytest.mark.parametrize('variant', VARIANTS, ids=NAMES)
def test_a_variant_changes_one_thing(variant: object) -> None:
    """The recipe stays: data, schedule, optimiser, and BN's horizon in every part."""
    base = Config.fromfile(ROOT / VARIANTS[0].config)
    ours = Config.fromfile(ROOT / variant.config)
    assert differences(ours.to_dict(), base.to_dict()) == CHANGES[variant.name]
    for part in ('backbone', 'neck', 'decode_head'):
        norm = ours.model[part].get('norm_cfg')
        assert norm is None or norm.momentum == 0.03
    assert (ours.model.decode_head.get('norm_cfg') is None) == (variant.name == 'no-decoder')


# spec 2.6: base and plain; v3+ on ResNet-101 (full convolutions 59,468,085) with separable ones
PARAMETERS = {
    'base': 41_055_413,
    'no-decoder': 40_892_485,
    'resnet101': 59_468_085 - (54_711_461 - 41_055_413),
    'plain': 54_711_461,
    'spp': 41_055_413 - 3 * 547_328 - 2 * 524_800 - 5 * 256 * 256 + 4 * 524_800 + 3072 * 256,
}


@pytest.mark.parametrize('variant', VARIANTS, ids=NAMES)
def test_costs(variant: object) -> None:
    counted = costs(str(ROOT / variant.config), [])
    assert counted['parameters'] == PARAMETERS[variant.name]
    assert (counted['crop'], counted['batch_size']) == (97, 8)
    published = {'base': 54.04e9, 'plain': 86.68e9}
    if variant.name in published:
        assert counted['multiply_adds']['513'] == pytest.approx(published[variant.name], rel=1e-3)


def test_the_page_holds_the_table_of_its_results() -> None:
    """docs/ablation.json is a ``results.json``; what the networks cost is still true."""
    summary = json.loads((ROOT / 'docs' / 'ablation.json').read_text())
    assert markdown(summary) in (ROOT / 'docs' / 'ablation.md').read_text()
    assert [entry['variant'] for entry in summary['variants']] == NAMES
    assert summary['seeds'] == [0, 1, 2]
    for entry in summary['variants']:
        assert len(entry['mIoU']['values']) == 3
        assert entry['parameters'] == PARAMETERS[entry['variant']]
    assert (ROOT / 'docs' / 'images' / 'ablation.png').stat().st_size < 150_000


def test_the_page_does_its_sums() -> None:
    page = (ROOT / 'docs' / 'ablation.md').read_text()
    summary = json.loads((ROOT / 'docs' / 'ablation.json').read_text())
    entries = {entry['variant']: entry for entry in summary['variants']}
    for side in ('513', '97'):
        saved = 1 - 1 / (1 + entries['plain']['to_base']['multiply_adds'][side])
        assert f'{100 * saved:.1f} %' in page
    decoder = entries['no-decoder']['to_base']
    assert f'{-decoder["mIoU"]["mean"]:.1f} ± {decoder["mIoU"]["error"]:.1f}' in page
    assert f'{-decoder["trimap"]["1"]["mean"]:.1f} in the band of 1 pixel' in page
    pyramid = entries['spp']['to_base']['mIoU']
    assert f'{pyramid["mean"]:.1f} ± {pyramid["error"]:.1f}, is noise' in page


@pytest.mark.slow
def test_a_real_run(tool: Callable[..., Tool], data: Path, tmp_path: Path) -> None:
    ran = tool(
        'ablate.py', '--data', data, '--only', 'base', '--seeds', 1, '--iters', 2, '--out',
        tmp_path, '--cfg-options', *XCEPTION,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert '[1/1] base-seed0: mIoU' in ran.stdout
    (entry,) = json.loads((tmp_path / 'results.json').read_text())['variants']
    assert 0 <= entry['mIoU']['mean'] <= 100
    assert set(entry['trimap']) == {'1', '2', '4', '8'}
    assert entry['seconds_per_step'] > 0
    assert set(entry['multiply_adds']) == {'513', '49'}
    assert not list(tmp_path.rglob('*.safetensors'))
    metrics = json.loads((tmp_path / 'work' / 'base-seed0' / 'metrics.json').read_text())
    assert metrics['num_images'] == 11
