"""Scores of published networks: files of results by hand, their page, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.scores import run
from benchmarks.scores.page import page, read
from benchmarks.scores.run import Network, carry_out, is_scored, score
from benchmarks.scores.ways import NETWORKS, REFERENCE, WAYS, Way
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.errors import UserError

NETWORK = next(iter(NETWORKS))
BY_NAME = {way.name: way for way in WAYS}
DATA = dict(name='PASCAL VOC 2012', split='val', images=2, of=1449, sha256='1' * 64)


def result(name: str, right: int) -> dict:
    """Of two images of 100 pixels each, of which ``right`` are right, the others of class 1."""
    counts = {'0': [right, 100, right], '1': [0, 0, 100 - right]}
    return dict(
        network=NETWORK,
        way=name,
        title=BY_NAME[name].title,
        config='some.py',
        checkpoint_sha256='2' * 64,
        command=f'tools/test.py some.py {name}',
        data=DATA,
        seed=0,
        commit='abc',
        date='2026-01-01',
        machine=dict(
            processor='P',
            cores=2,
            instructions=['avx2'],
            python='3',
            versions=dict(torch='1', mmseg='2'),
        ),
        mIoU=right / 2,
        interval=[right / 2 - 1, right / 2 + 1],
        trimap={'1': 1.25, '2': 2.25, '4': 4.25, '8': 8.25},
        per_class={'background': dict(IoU=float(right)), 'bird': dict(IoU=0.0)},
        per_image=[dict(id=f'image{i}', counts=counts) for i in range(2)],
    )


def put(folder: Path, name: str, content: dict) -> Path:
    path = folder / NETWORK / f'{name}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / 'r', REFERENCE, result(REFERENCE, 80))
    put(tmp_path / 'r', 'stride8', result('stride8', 90))
    skipped = result('fast-bf16', 0)
    del skipped['mIoU']
    put(tmp_path / 'r', 'fast-bf16', skipped | dict(skipped='openvino-f32 ran instead'))
    return tmp_path / 'r'


def test_the_page(folder: Path) -> None:
    text = page(read(folder))
    assert '2 of the 1,449 validation images of PASCAL VOC 2012' in text
    assert (
        '| stride 16 | 40.00 | 39.00 to 41.00 | the reference | 1.25 | 2.25 | 4.25 | 8.25 |' in text
    )
    # equal images: every weighing gives the difference itself
    assert '| stride 8 | 45.00 | 44.00 to 46.00 | +5.00 (+5.00 to +5.00) | 1.25' in text
    assert '- `--fast bf16`: openvino-f32 ran instead' in text
    assert '| background | 80.00 | 90.00 |' in text
    assert '- stride 8: `tools/test.py some.py stride8`' in text
    assert (
        'stride 16, stride 8: commit abc, 2026-01-01, P, 2 cores, avx2, Python 3, torch 1' in text
    )
    assert text.count('No results') == len(NETWORKS) - 1


def test_the_command_writes_the_page(folder: Path) -> None:
    assert main(['results', '--results', str(folder)]) == 0
    assert (folder.parent / 'r.md').read_text() == page(read(folder))


@pytest.mark.parametrize(
    ('name', 'change', 'error'),
    [
        (REFERENCE, None, 'has no results of stride16'),
        ('stride8', dict(data=DATA | dict(sha256='3' * 64)), '2 choices of images'),
        ('stride8', dict(machine=None), 'stride8.json: no result of a way'),
    ],
)
def test_refuses_to_mix(folder: Path, name: str, change: dict | None, error: str) -> None:
    if change is None:
        (folder / NETWORK / f'{name}.json').unlink()
    else:
        put(folder, name, result(name, 90) | change)
    with pytest.raises(UserError, match=error):
        read(folder)


def test_what_is_scored_is_not_done_again(folder: Path) -> None:
    where = folder / NETWORK
    assert is_scored(where / 'stride8.json', DATA)
    assert not is_scored(where / 'fast-bf16.json', DATA)  # perhaps this machine can
    assert not is_scored(where / 'onnx.json', DATA)
    with pytest.raises(UserError, match='made with other images'):
        is_scored(where / 'stride8.json', DATA | dict(images=3))


def test_one_way_alone_comes_with_what_it_is_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.scores import command, run

    monkeypatch.setattr(command, 'published_files', lambda weights: {NETWORK: None})
    monkeypatch.setattr(Network, 'ready', lambda *about: None)
    monkeypatch.setattr(run, 'data_of', lambda network: DATA)
    monkeypatch.setattr(run, 'carry_out', lambda network, way, data: result(way.name, 80))
    options = ['--data-root', 'd', '--results', str(tmp_path / 'r'), '--only', 'onnx']
    assert main(['results', *options]) == 0
    assert {*read(tmp_path / 'r')[NETWORK]} == {REFERENCE, 'onnx'}


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        (['--weights', 'a.tflite'], '--weights need --data-root DIR'),
        (['--data-root', 'd', '--weights', 'nowhere.tflite'], 'no file at nowhere.tflite'),
        (
            ['--data-root', 'd', '--weights', __file__],
            'test_published_scores.py is none of deeplabv3_mnv2',
        ),
    ],
)
def test_bad_options(options: list[str], error: str, capsys: pytest.CaptureFixture) -> None:
    assert main(['results', *options]) == 2
    assert error in capsys.readouterr().err


def test_another_file_of_the_same_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / 'deeplabv3_mnv2_pascal_quant.tflite'
    file.write_bytes(b'something else')
    with pytest.raises(UserError, match='is not the published file'):
        Network.ready(NETWORK, file, 'data', tmp_path)


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """Three validation images; the network is never run."""
    generate(tmp_path / 'voc', MiniVoc(train=1, val=3, size=64), quiet=True)
    weights = tmp_path / 'w.safetensors'
    weights.touch()
    config = 'configs/deeplabv3_mobilenetv2-coral_voc.py'
    return Network(NETWORK, config, weights, weights, str(tmp_path / 'voc'), tmp_path)


def test_scores_of_a_labeller(network: Network) -> None:
    """The truth scores 100, void counted nowhere; background alone as counted by hand."""
    masks = sorted((Path(network.data_root) / 'SegmentationClass').glob('*.png'))
    images = network.images()
    order = [Path(images.get_data_info(i)['seg_map_path']) for i in range(len(images))]
    truths = [np.array(Image.open(path)) for path in order]
    assert len(truths) == 3
    assert set(order) <= set(masks)
    left = iter(truths)
    perfect = score(lambda picture: np.where((m := next(left)) == 255, 0, m), images)
    assert perfect['mIoU'] == 100
    assert set(perfect['trimap'].values()) == {100}
    background = score(lambda picture: np.zeros(picture.shape[:2], np.int64), images)
    known = sum((truth != 255).sum() for truth in truths)
    right = sum((truth == 0).sum() for truth in truths)
    shown = set(np.unique(np.concatenate([t.ravel() for t in truths]))) - {255}
    assert background['mIoU'] == pytest.approx(100 * right / known / len(shown))
    assert [sum(c[1] for c in row['counts'].values()) for row in background['per_image']] == [
        (truth != 255).sum()
        for _, truth in sorted(zip(order, truths, strict=True), key=lambda p: p[0])
    ]


@pytest.mark.parametrize(
    ('engines', 'fast', 'outcome'),
    [
        (['openvino-int8'], 'int8', dict(engines='openvino-int8', mIoU=40.0)),
        (['openvino-f32'], True, dict(skipped='openvino-f32 ran instead')),
        (['plain'], True, dict(skipped='plain ran instead')),
    ],
)
def test_a_way_that_ran_otherwise_has_no_score(
    engines: list, fast: object, outcome: dict, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(tool: str, arguments: list[str], work: Path) -> None:
        assert tool == 'test.py'
        written = result('fast-int8', 80) | dict(engines=engines, fast=fast)
        written['intervals'] = dict(mIoU=written.pop('interval'))
        (work / 'metrics.json').write_text(json.dumps(written))

    monkeypatch.setattr(run, 'call', call)
    found = carry_out(network, BY_NAME['fast-int8'], DATA)
    assert {key: found.get(key) for key in outcome} == outcome
    assert ('mIoU' in found) == ('mIoU' in outcome)
    assert found['command'].startswith(f'tools/test.py {network.config} {NETWORK} --data-root DIR')


def test_an_exported_file_is_run_by_its_own_runtime(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose network knows no class but background, written where export would write it."""

    class Background(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image[..., 0] * 0

    def call(tool: str, arguments: list[str], work: Path) -> None:
        assert tool == 'export.py'
        extra = {'mmdeeplab': json.dumps(dict(precision='float'))}
        picture = torch.zeros(1, 8, 9, 3, dtype=torch.uint8)
        traced = torch.jit.trace(Background(), picture)
        torch.jit.save(traced, arguments[arguments.index('--out') + 1], _extra_files=extra)

    monkeypatch.setattr(run, 'call', call)
    found = carry_out(network, BY_NAME['torchscript'], DATA)
    expected = score(lambda picture: np.zeros(picture.shape[:2], np.int64), network.images())
    assert found['mIoU'] == expected['mIoU']
    assert '--verify DIR' in found['command']


def test_a_command_that_fails_tells_why(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(tool: str, arguments: list[str], work: Path) -> None:
        raise UserError('export.py ended with status 1, see log:\nfirst\nerror: no such thing')

    monkeypatch.setattr(run, 'call', call)
    for name in (REFERENCE, 'onnx'):
        assert carry_out(network, BY_NAME[name], DATA)['skipped'] == 'no such thing'
        shutil.rmtree(network.work / name)


def test_ways_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(WAYS)
    assert all(isinstance(way, Way) and way.by in ('test', 'export', 'litert') for way in WAYS)
