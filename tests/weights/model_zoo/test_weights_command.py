"""tools/weights.py, from a model zoo's file and a server to a checkpoint that a model takes."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from https_server import Server
from places import ROOT
from test_tf_mobilenet import mobilenet_v2
from tf_graph import Graph
from torch import nn

from mmdeeplab.cli.weights import main
from mmdeeplab.models.load import load_weights


@pytest.fixture(scope='module')
def zoo() -> bytes:
    """An archive as in TensorFlow's zoo; the variables are in an .npz, which needs no TF."""
    graph = Graph()
    x, _ = mobilenet_v2(graph, torch.zeros(1, 3, 33, 33).double(), multiplier=0.5)
    graph.biased(graph.head(x), 'logits/semantic', 19)
    body, out = io.BytesIO(), io.BytesIO()
    np.savez(body, **graph.variables)
    with tarfile.open(fileobj=out, mode='w:gz') as tar:
        info = tarfile.TarInfo('deeplabv3_mnv2/model.npz')
        info.size = body.tell()
        body.seek(0)
        tar.addfile(info, body)
    return out.getvalue()


@pytest.fixture
def zoo_file(server: Server, zoo: bytes, tmp_path: Path) -> Path:
    path = tmp_path / 'lab' / 'zoo_file.json'
    path.parent.mkdir()
    server.put('/zoo.tar.gz', zoo, breaks=[500_000])
    row = dict(
        name='lab_mobilenetv2', version='v3', backbone='mobilenetv2-dm05', dataset='cityscapes',
        file='zoo.tar.gz', importer='tf', member='*.npz', licence='Apache-2.0',
        config='deeplabv3_mobilenetv2-dm05_voc.py',
        cfg_options=['model.decode_head.num_classes=19'],
        results=[dict(miou=70.5, output_stride=16)],
    )  # fmt: skip
    defaults = dict(base_url=server.address('/'))
    path.write_text(json.dumps(dict(defaults=defaults, checkpoints=[row])))
    return path


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = main([str(arg) for arg in args])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_get_from_the_command_line(
    server: Server,
    zoo_file: Path,
    tmp_path: Path,
    build: Callable[..., nn.Module],
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache, out = tmp_path / 'cache', tmp_path / 'out.safetensors'
    command = [sys.executable, ROOT / 'tools' / 'weights.py', 'get', 'lab_mobilenetv2']
    command += ['--catalogue', zoo_file, '--cache', cache]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path == cache / 'weights' / 'lab_mobilenetv2.safetensors'
    assert 'deeplabv3_mobilenetv2-dm05_voc.py --cfg-options model.dec' in done.stderr
    assert [range_ for _, range_ in server.log] == ['', 'bytes=500000-']
    model = build('deeplabv3_mobilenetv2-dm05_voc', model__decode_head__num_classes=19)
    load_weights(model, path)

    server.shutdown()
    options = ['--catalogue', zoo_file, '--cache', cache, '--out', out]
    assert run(capsys, 'get', 'lab_mobilenetv2', *options)[:2] == (0, f'{out}\n')
    assert out.read_bytes() == path.read_bytes()


def test_list_filters(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def names(*args: str) -> list[str]:
        code, out, _ = run(capsys, 'list', *args, '--cache', tmp_path)
        assert code == 0
        return [line.split()[0] for line in out.splitlines()[1:-1]]

    both = names('--dataset', 'VOC', '--backbone', 'xception')
    assert both == ['xception65_coco_voc_trainaug', 'xception65_coco_voc_trainval']
    assert set(both) < set(names('xception')) < set(names())
    assert all(name.startswith('mmseg') for name in names('--importer', 'mmseg'))


def test_list_shows_score_and_protocol(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, out, _ = run(capsys, 'list', 'xception65_coco_voc', '--cache', tmp_path)
    rows = [line.split() for line in out.splitlines()]
    assert rows[1][4:] == ['82.20', '(16)', '83.58', '(8)']
    assert rows[2][4:] == ['87.80', '(8,', 'test)']
    assert '2 checkpoints' in out


def test_list_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, 'list', '--dataset', 'mars')
    assert code == 2
    assert "no checkpoint matches dataset 'mars'" in err


def test_show(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, out, _ = run(capsys, 'show', 'xception65_coco_voc_trainaug', '--cache', tmp_path)
    assert '82.20 on val, output stride 16, one scale' in out
    assert 'https://download.tensorflow.org/models/deeplabv3_pascal_train_aug_2018_01_04' in out
    assert 'model_zoo.md' in out


@pytest.mark.parametrize('action', ['get', 'show'])
def test_a_typo(capsys: pytest.CaptureFixture[str], action: str) -> None:
    code, out, err = run(capsys, action, 'xception65_coco_voc_trainag')
    assert (code, out) == (2, '')
    assert 'did you mean xception65_coco_voc_trainaug' in err


def test_a_config_that_is_nowhere(
    server: Server, zoo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo_file.write_text(zoo_file.read_text().replace('dm05_voc.py', 'dm07_voc.py'))
    args = ['get', 'lab_mobilenetv2', '--catalogue', zoo_file, '--cache', tmp_path / 'cache']
    code, _, err = run(capsys, *args)
    assert code == 2
    assert 'no config deeplabv3_mobilenetv2-dm07_voc.py in' in err


def test_weights_that_do_not_fit_the_config(
    server: Server, zoo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo_file.write_text(zoo_file.read_text().replace('num_classes=19', 'num_classes=21'))
    args = ['get', 'lab_mobilenetv2', '--catalogue', zoo_file, '--cache', tmp_path / 'cache']
    code, _, err = run(capsys, *args)
    assert code == 2
    assert 'of another shape' in err
    assert not list((tmp_path / 'cache' / 'weights').glob('*.safetensors'))
