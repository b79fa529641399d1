"""The command for a GPU, on a CPU and on a pretended one, killed in the middle; its page."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import ROOT

from benchmarks.gpu import run, suite, trace
from benchmarks.gpu.__main__ import main, warm
from benchmarks.gpu.job import Job
from benchmarks.gpu.page import page
from benchmarks.gpu.pieces import PIECES, Piece

COMMAND = [sys.executable, '-m', 'benchmarks.gpu', '--tiny', '--out']
PRETEND = f"""
import sys
sys.path.append({str(ROOT / 'tests' / 'gpu')!r})
import pretend
pretend.install()
pretend.as_nccl()
"""


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--device cpu`` hides GPUs from the process; here from one test."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')


def environment(*first: Path) -> dict[str, str]:
    return os.environ | dict(
        PYTHONPATH=os.pathsep.join(map(str, [*first, ROOT])), OMP_NUM_THREADS='1'
    )


def results(out: Path) -> dict:
    return json.loads((out / run.RESULTS).read_text())['pieces']


def wanted(found: dict) -> None:
    """Each piece came to its end, and no answer is other than wanted."""
    ends = {name: (one['status'], one['error']) for name, one in found.items()}
    assert {end for end, _ in ends.values()} <= {'done', 'left out'}, ends
    bad = [(name, row) for name, one in found.items() for row in one['rows'] if row['met'] is False]
    assert not bad


@pytest.mark.slow
def test_the_whole_command_runs_on_a_cpu(tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, str(tmp_path), '--device', 'cpu', '--minutes', '30'],
        cwd=ROOT,
        env=environment(),
        timeout=1800,
    )
    assert run.returncode == 0
    found = results(tmp_path)
    assert list(found) == [piece.name for piece in PIECES]
    wanted(found)
    assert [name for name, one in found.items() if one['status'] == 'left out'] == [
        'syncbn',
        'compile-step',
    ]
    text = (tmp_path / 'gpu.md').read_text()
    assert all(f'\n## {piece.name}\n' in text for piece in PIECES)
    found_words = [row['found'] for one in found.values() for row in one['rows']]
    assert not [words for words in found_words if 'images a second' in words]  # of a CPU


@pytest.mark.slow
def test_pieces_run_on_a_pretended_gpu(tmp_path: Path) -> None:
    (tmp_path / 'site').mkdir()
    (tmp_path / 'site' / 'sitecustomize.py').write_text(PRETEND)
    names = ['parity', 'precision', 'syncbn', 'throughput']
    subprocess.run(
        [*COMMAND, str(tmp_path / 'out'), '--only', *names],
        cwd=ROOT,
        env=environment(tmp_path / 'site'),
        timeout=600,
        check=True,
    )
    found = results(tmp_path / 'out')
    wanted(found)
    assert {one['machine']['gpu'] for one in found.values()} == {'pretended GPU'}
    seen = {name: [row['what'] for row in found[name]['rows']] for name in names}
    assert 'cuda, float32, TF32 off' in seen['parity']
    assert 'SyncBN beside BatchNorm: gradient' in seen['syncbn']
    assert 'fp16' in seen['precision']


@pytest.mark.slow
def test_what_was_found_outlives_a_kill_and_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, str(tmp_path), '--device', 'cpu']
    child = subprocess.Popen(command, cwd=ROOT, env=environment())
    deadline = time.monotonic() + 120
    while not (tmp_path / 'pieces' / 'parity').is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    (only,) = results(tmp_path).values()
    assert only['status'] == 'done'
    while running(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(tmp_path)  # the piece has ended with the command
    assert main(['--out', str(tmp_path), '--tiny', '--device', 'cpu', '--minutes', '0']) == 0
    said = capsys.readouterr().out
    assert 'parity            not run: the time is over' in said
    assert 'training' not in said
    assert list(results(tmp_path)) == ['training']


def running(out: Path) -> list[str]:
    """Processes whose command names the folder."""
    found = []
    for file in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            words = file.read_bytes().split(b'\0')
        except OSError:
            continue
        found += [file.parent.name] * (os.fsencode(out) in words)
    return found


def fine(job: Job) -> None:
    print('said')
    job.note('one', 'seen', 'seen', True)


def fails(job: Job) -> None:
    job.note('before', 'seen')
    raise ValueError('a | b')


def dies(job: Job) -> None:
    os._exit(9)


def sleeps(job: Job) -> None:
    job.note('before', 'seen')
    time.sleep(60)


def test_a_failing_piece_is_noted_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = {'rates': fails, 'profile': dies, 'compile': sleeps, 'tests': fine}
    monkeypatch.setattr(Piece, 'load', lambda piece: ways[piece.name])
    warm()  # as the command does: the time of a piece is its own
    pieces = [Piece(name, 'Why?', 1 if way is sleeps else 60, '') for name, way in ways.items()]
    found = run.run(pieces, tmp_path, 'cpu', True, minutes=3)['pieces']
    assert found == results(tmp_path)
    ends = {name: (one['status'], one['error'], len(one['rows'])) for name, one in found.items()}
    assert ends == {
        'rates': ('failed', 'ValueError: a | b', 1),
        'profile': ('failed', 'the process ended with 9', 0),
        'compile': ('stopped', 'its 3 seconds were over', 1),
        'tests': ('done', '', 1),
    }
    assert 'Traceback' in (tmp_path / 'pieces/rates/log.txt').read_text()
    assert (tmp_path / 'pieces/tests/log.txt').read_text() == 'said\n'
    text = (tmp_path / 'gpu.md').read_text()
    assert '**failed**: ValueError: a \\| b' in text
    assert '| one | seen | seen | yes |' in text
    assert 'rates             failed, ' in capsys.readouterr().out


def timed(name: str, of: str, limit: str, milliseconds: float) -> dict:
    row = dict(
        what=name, name=name, of=of, network='Net', limit=limit, found='', wanted='', met=None
    )
    times = [milliseconds * factor for factor in (1.1, 1, 0.9)]
    return row | dict(times=times, gflops=100 / milliseconds, notes=dict(memory='9 MiB'))


def made_up() -> dict:
    told = dict(gpu='Card A', versions=dict(torch='2'))
    about = dict(status='done', error='', machine=told, date='2026-01-01 00:00', seconds=2.0)
    about |= dict(tiny=False, device='cuda')
    rate = dict(what='bf16', found='200 GFLOP/s', wanted='', met=None, rate=200.0)
    rows = [timed('smp fp32', 'smp', 'tf32', 3.0), timed('smp bf16', 'smp', 'bf16', 2.0)]
    rows += [timed('bf16', 'mmdeeplab', 'bf16', 1.0), timed('fp32', 'mmdeeplab', 'tf32', 2.5)]
    rows[2]['ratio'] = [3.0, 2.5, 3.5]
    gap = dict(what='bf16: gaps', found='7.0% of 9 ms', wanted='below 5%', met=False)
    pieces = dict(rates=[rate], throughput=rows, profile=[gap])
    return dict(
        command='C', pieces={name: about | dict(rows=rows) for name, rows in pieces.items()}
    )


def test_the_page_has_goals_shares_and_what_was_not_run() -> None:
    text = page(made_up())
    assert 'Net: bf16 is x2.00 as fast as smp bf16; goal x1.5: met.' in text
    assert '| bf16 | x3.00 (2.50 to 3.50) | 1.0 | 1000.0 | 100 | 50% | 9 MiB |' in text
    assert '| smp fp32 |  | 3.0 | 333.3 | 33 |  | 9 MiB |' in text  # no rate of TF32 was measured
    assert '| bf16: gaps | 7.0% of 9 ms | below 5% | **no** |' in text
    assert '| profile | Where does the time of a step go? | 0 of 1 as wanted | 2 |' in text
    assert '| parity | Do CPU and GPU agree, with TF32 off and on? | not run | |' in text
    assert 'several cards' not in text
    assert 'Sizes of a test' not in text


def test_the_page_tells_missed_goals_other_cards_and_absent_peers() -> None:
    found = made_up()
    rows = found['pieces']['throughput']['rows']
    rows[2]['times'] = [1.9]
    assert 'Net: bf16 is x1.05 as fast as smp bf16; goal x1.5: **missed**.' in page(found)
    found['pieces']['throughput']['rows'] = rows[2:]
    assert 'Net: no peer was timed' in page(found)
    found['pieces']['rates']['machine'] = dict(gpu='Card B', versions={})
    assert '**The pieces ran on several cards** (Card A, Card B)' in page(found)
    found['pieces']['rates']['tiny'] = True
    assert 'rates are left out' in page(found)


def event(cat: str, name: str, start: float, duration: float) -> dict:
    return dict(ph='X', cat=cat, name=name, ts=start, dur=duration)


def test_a_trace_gives_gaps_copies_optimiser_and_counts() -> None:
    events = [
        event('gpu_memcpy', 'Memcpy HtoD', 1000, 100),
        event('kernel', 'conv', 1050, 450),  # beside the copy for 50
        event('kernel', 'sgd', 1700, 200),
        event('kernel', 'conv', 1900, 100),
        event('gpu_user_annotation', 'Optimizer.step#SGD.step', 1600, 300),
        event('user_annotation', 'Optimizer.step#SGD.step', 0, 900),
        event('cuda_runtime', 'cudaLaunchKernel', 0, 5),
        event('cuda_driver', 'cuLaunchKernelEx', 0, 5),
        event('cuda_runtime', 'cudaStreamSynchronize', 0, 5),
        event('cpu_op', 'aten::conv2d', 0, 5000),
    ]
    found = trace.summary(events, steps=2)
    assert found['milliseconds'] == pytest.approx(0.5)  # 1000 microseconds in two steps
    assert found['gaps'] == pytest.approx(0.2)  # from 1500 to 1700
    assert found['copies'] == pytest.approx(0.1)
    assert found['optimiser'] == pytest.approx(0.3)
    counts = {name: found[name] for name in ('kernels', 'launches', 'waits')}
    assert counts == dict(kernels=1.5, launches=1, waits=0.5)
    assert found['copied'] == {'Memcpy HtoD': pytest.approx(0.05)}
    assert list(found['longest'].items()) == [
        ('conv', pytest.approx(0.55)),
        ('sgd', pytest.approx(0.2)),
    ]
    assert trace.summary(events[-4:], steps=2) == {}


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--only', 'paritty'], 'did you mean parity'),
        ([], '--out DIR is missing'),
        (['--out', 'x'], 'PyTorch sees no GPU here; --device cpu --tiny'),
    ],
)
def test_mistakes_end_in_a_sentence(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_results_of_another_kind_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / run.RESULTS).write_text('[]')
    assert main(['--out', str(tmp_path), '--device', 'cpu']) == 2
    assert 'no results of python -m benchmarks.gpu' in capsys.readouterr().err


def test_the_list_names_every_piece(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--list']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [piece.name for piece in PIECES]


def test_the_tests_that_a_gpu_runs_are_there() -> None:
    assert not [path for path in (suite.SMALLEST, *suite.FOLDERS) if not (ROOT / path).exists()]
