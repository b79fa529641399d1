"""Every case runs at tiny sizes, its page says so, and mistakes end in a sentence."""

import json
from pathlib import Path

import pytest
from places import ROOT

from benchmarks import run
from benchmarks.__main__ import main
from benchmarks.case import Comparison, Scale, Variant, Work
from benchmarks.page import page, read, section
from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate import openvino

NAMES = run.names()


def test_there_are_cases() -> None:
    wanted = {
        'inference',
        'growth',
        'train',
        'data',
        'evaluation',
        'checkpoint',
        'startup',
        'quality',
        'commands',
    }
    assert set(NAMES) >= wanted


@pytest.mark.parametrize(
    'name', sorted({*NAMES} - {'commands', 'quality'})
)  # they have tests of their own
@pytest.mark.filterwarnings('ignore')
def test_a_case_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('benchmarks.measure.SHORTEST', 0.0)
    monkeypatch.setattr(run.limits, 'limits', lambda scale: {'matmul fp32': 1.0})
    monkeypatch.setattr(
        openvino, 'installed', lambda: False
    )  # many networks, each seconds to convert
    case = run.run_case(name, Scale(tmp_path, tiny=True, rounds=1))
    json.dumps(case)
    assert case['comparisons']
    for one in case['comparisons']:
        rows = {row['name']: row for row in one['rows']}
        reference = rows[one['reference']]
        if 'peers' in reference.get('skipped', ''):
            pytest.skip(reference['skipped'])
        assert reference['ratio'] == [1, 1, 1]
        assert any('ratio' in row for row in rows.values() if row['of'] == 'mmdeeplab')
        for row in one['rows']:
            assert 'DIFFER' not in row.get('agreement', '')
            if one['title'].startswith(('windows', '9 x 9')) and 'agreement' in row:
                assert row['agreement'] in ('', 'labels identical')
    assert section(name, case).count('\n**') == len(case['comparisons'])


def comparison() -> Comparison:
    works = [Variant('a', lambda: Work(lambda: 1), 'peer'), Variant('b', lambda: Work(lambda: 1))]
    return Comparison('x', tuple(works), 'b', goals={'a': 2})


def test_a_peer_can_be_made_the_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = type('Case', (), dict(setup=lambda scale: [comparison()]))
    monkeypatch.setattr(run.importlib, 'import_module', lambda name: case)
    scale = Scale(tmp_path)
    (one,) = run.comparisons('inference', scale, 'peer')
    assert (one.reference, dict(one.goals)) == ('a', {})
    with pytest.raises(UserError, match=r'--vs detectron.*mmdeeplab, peer'):
        run.comparisons('inference', scale, 'detectron')


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['run', 'inferense'], 'did you mean inference'),
        (['run', 'all', '--rounds', '3'], '--rounds must be at least 5, got 3'),
        (['run', 'quality', '--config', 'x.py'], 'quality needs --checkpoint, --data-root, too'),
        (
            ['run', 'train', '--config', 'x.py'],
            'are for the cases commands and quality, not for train',
        ),
        (['table', 'missing.json'], 'missing.json: no results of a run'),
    ],
)
def test_mistakes_end_in_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def results() -> dict:
    row = dict(
        name='ours',
        of='mmdeeplab',
        version='',
        milliseconds=[20.0, 18.0, 25.0],
        ratio=[1.4, 1.3, 1.5],
        goal='x2',
        met=False,
        reached='x1.40',
        parameters=2_500_000,
        multiply_adds=3 * 10**9,
        gflops=300.0,
        share=0.75,
        notes={'saved activations': '7 MiB'},
    )
    skipped = dict(name='fast', of='mmdeeplab', skipped='absent')
    told = dict(processor='P', cores=2, threads=2, instructions=['avx2'], memory_gib=8, gpu='none')
    told |= dict(load_before=0.1, python='3.11', versions=dict(torch='2'))
    case = dict(machine=told, date='2026-01-01', minutes=1.0, rounds=7, limits=dict(copy=38.2))
    case['comparisons'] = [dict(title='T', reference='r', unit='image', rows=[row, skipped])]
    return dict(command='python -m benchmarks run all', cases=dict(inference=case))


def test_the_page_gives_every_figure_and_names_missed_goals(tmp_path: Path) -> None:
    path = tmp_path / 'r.json'
    path.write_text(json.dumps(results()))
    text = page(read(path), 'r.json')
    assert '- inference, T, ours: x1.40, goal x2' in text
    assert '| ours | mmdeeplab | 20 | x1.40 (1.30 to 1.50) | 2.50 | 3.00 | 300 | 75% |' in text
    assert 'saved activations 7 MiB' in text
    assert 'not run: absent' in text
    assert '2026-01-01, 7 rounds, 1 minutes; P, 2 cores, 2 threads, 8 GiB' in text
    assert 'copy 38 GB/s' in text


def test_the_page_in_docs_is_made_from_the_results_in_docs() -> None:
    path = ROOT / 'docs' / 'benchmarks.json'
    if not path.is_file():
        pytest.skip('nothing was measured yet: python -m benchmarks run all --json ' + str(path))
    text = (ROOT / 'docs' / 'benchmarks.md').read_text()
    assert text == page(read(path), 'docs/benchmarks.json')
