"""A network saved into a folder is the same network, wherever the folder is loaded."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from https_fixtures import certificate, server
from https_server import Server
from mmengine.config import Config
from networks import random_checkpoint
from places import ROOT
from safetensors import safe_open

from mmdeeplab import DeepLabPredictor
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.download import fetch
from mmdeeplab.weights.hub import hub_file, local_weights
from mmdeeplab.weights.sharing import SharedNetwork, flat_config

__all__ = ['certificate', 'server']
CONFIG = 'lraspp_mobilenetv3-small_voc'
PICTURE = np.random.default_rng(0).integers(0, 256, (65, 81, 3), np.uint8)
PRETRAINED = dict(type='Pretrained', checkpoint='nowhere.pth')


@pytest.fixture(scope='module')
def predictor(tmp_path_factory: pytest.TempPathFactory) -> DeepLabPredictor:
    options = ['model.data_preprocessor.test_size=(65,97)']
    cfg = load_config(str(ROOT / f'configs/{CONFIG}.py'), ConfigOptions(options))
    checkpoint = random_checkpoint(cfg, tmp_path_factory.mktemp('weights'))
    cfg.model.backbone.init_cfg = PRETRAINED  # where training started, which nobody else has
    return DeepLabPredictor(Config(cfg.to_dict()), checkpoint, 'cpu')


@pytest.fixture(scope='module')
def folder(predictor: DeepLabPredictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('shared')
    report = tmp_path_factory.mktemp('report')
    scores = dict(mIoU=71.25, per_class={'bird': dict(IoU=81.5)}, num_images=9)
    (report / 'metrics.json').write_text(json.dumps(scores | dict(intervals=dict(mIoU=[70, 72]))))
    predictor.save_pretrained(folder, licence='Apache-2.0', report=report)
    return folder


def test_it_answers_the_same(predictor: DeepLabPredictor, folder: Path) -> None:
    again = DeepLabPredictor.from_pretrained(folder, device='cpu')
    assert again.classes == predictor.classes
    assert [tuple(c) for c in again.palette] == [tuple(c) for c in predictor.palette]
    assert again.licence == 'Apache-2.0'
    np.testing.assert_array_equal(again(PICTURE).probabilities, predictor(PICTURE).probabilities)


def test_wrapped_networks_are_saved_without_what_is_around_them(
    folder: Path, tmp_path: Path
) -> None:
    DeepLabPredictor.from_pretrained(folder, device='cpu', tta=True).save_pretrained(tmp_path)
    assert (tmp_path / 'config.json').read_text() == (folder / 'config.json').read_text()


def test_what_lies_there(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        'README.md',
        'config.json',
        'model.safetensors',
    ]
    config = json.loads((folder / 'config.json').read_text())
    assert config.keys() <= {'default_scope', 'model', 'crf', 'tta_model'}
    assert 'nowhere' not in str(config)
    with safe_open(folder / 'model.safetensors', 'pt') as file:
        assert json.loads(file.metadata()['classes'])[3] == 'bird'
        assert any(key.startswith('backbone.') for key in file.keys())  # noqa: SIM118
    card = (folder / 'README.md').read_text()
    assert card.startswith('---\nlicense: Apache-2.0\n')
    assert '71.25 mIoU (95 % interval 70.00 to 72.00) on 9 images' in card
    assert '| 3 | bird | #808000 | 81.50 |' in card


@pytest.mark.slow
def test_it_loads_without_the_checkout(folder: Path, tmp_path: Path) -> None:
    """Another process, in which the package has no configs beside it."""
    shutil.copytree(ROOT / 'mmdeeplab', tmp_path / 'site/mmdeeplab')
    script = (
        'import mmdeeplab, sys; from mmdeeplab.config.shipped import config_names\n'
        'assert config_names() == [] and sys.argv[2] in mmdeeplab.__file__\n'
        'print(mmdeeplab.DeepLabPredictor.from_pretrained(sys.argv[1]).classes[3])'
    )
    answer = subprocess.run(
        [sys.executable, '-c', script, str(folder), str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(tmp_path / 'site')},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.strip().endswith('bird'), answer.stderr[-2000:]


def test_torch_hub_loads_it(folder: Path) -> None:
    found = torch.hub.load(str(ROOT), 'predictor', str(folder), source='local', device='cpu')
    assert found.classes[3] == 'bird'


def test_folders_that_are_none_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'has no config\.json'):
        DeepLabPredictor.from_pretrained(tmp_path)
    with pytest.raises(UserError, match='neither a folder nor a name OWNER/NAME'):
        DeepLabPredictor.from_pretrained(tmp_path / 'nowhere')
    with pytest.raises(UserError, match='réseaux/oiseaux is neither a folder nor a name'):
        DeepLabPredictor.from_pretrained('réseaux/oiseaux')
    config = json.loads((folder / 'config.json').read_text())
    shutil.copy(folder / 'model.safetensors', tmp_path)
    text = json.dumps(config | dict(custom_imports=dict(imports=['os'])))
    (tmp_path / 'config.json').write_text(text)
    with pytest.raises(UserError, match='asks for more than a network: custom_imports'):
        DeepLabPredictor.from_pretrained(tmp_path)


def test_a_report_that_is_none_is_refused(predictor: DeepLabPredictor, tmp_path: Path) -> None:
    with pytest.raises(UserError, match='no report in'):
        predictor.save_pretrained(tmp_path / 'out', report=tmp_path)


def shared(cfg: dict, **tensors: torch.Tensor) -> SharedNetwork:
    return SharedNetwork(Config(cfg), tensors, ['a'], [[0, 0, 0]], 'MIT')


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    model = dict(type='EncoderDecoder', backbone=dict(type='Net'))
    tied = torch.arange(3.0)
    shared(dict(model=model), a=tied, b=tied).save(tmp_path / 'net', {})
    before = {path.name: path.read_bytes() for path in (tmp_path / 'net').iterdir()}
    with pytest.raises(UserError, match='cannot be shared as data'):
        shared(dict(model=model | dict(neck=dict(type=Path))), a=tied).save(tmp_path / 'net', {})
    assert {path.name: path.read_bytes() for path in (tmp_path / 'net').iterdir()} == before
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'cannot write .*file'):
        shared(dict(model=model), a=tied).save(tmp_path / 'file', {})


@pytest.mark.parametrize('initializer', ['Pretrained', 'PretrainedInit', 'mmengine.PretrainedInit'])
def test_no_file_of_weights_is_named(initializer: str) -> None:
    cfg = dict(type=initializer, checkpoint='/home/me/a.pth')
    model = dict(type='EncoderDecoder', backbone=dict(type='Net', init_cfg=cfg))
    assert 'init_cfg' not in flat_config(Config(dict(model=model)))['model']['backbone']


def test_push(predictor: DeepLabPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list = []

    class Api:
        def create_repo(self, name: str, exist_ok: bool) -> None:
            calls.append((name, exist_ok))

        def upload_folder(self, repo_id: str, folder_path: str) -> str:
            calls.append((repo_id, sorted(path.name for path in Path(folder_path).iterdir())))
            return 'https://hub/me/birds'

    monkeypatch.setitem(sys.modules, 'huggingface_hub', SimpleNamespace(HfApi=Api))
    assert predictor.push_to_hub('me/birds', licence='MIT') == 'https://hub/me/birds'
    files = ['README.md', 'config.json', 'model.safetensors']
    assert calls == [('me/birds', True), ('me/birds', files)]
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(UserError, match='pip install huggingface_hub'):
        predictor.push_to_hub('me/birds')


@pytest.fixture
def hub(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server in the hub's place, and an empty cache."""
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setenv('HF_ENDPOINT', server.address(''))
    return server


def put(hub: Server, repository: str, body: bytes, said: bytes) -> None:
    """A large file on the hub, and the pointer that git has of it."""
    digest = hashlib.sha256(said).hexdigest()
    pointer = f'version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(said)}\n'
    hub.put(f'/{repository}/raw/main/model.safetensors', pointer.encode())
    hub.put(f'/{repository}/resolve/main/model.safetensors', body)


def test_the_hub_is_asked_once(hub: Server) -> None:
    put(hub, 'timm/net', b'weights', b'weights')
    path = local_weights('hf-hub:timm/net')
    assert Path(path).read_bytes() == b'weights'
    asked = len(hub.log)
    assert local_weights('hf-hub:timm/net') == path
    assert len(hub.log) == asked
    assert local_weights('a.pth') == 'a.pth'


def test_two_ranks_ask_the_hub_once(
    hub: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(hub, 'timm/net', b'weights', b'weights')
    first, others = [True], []
    with ThreadPoolExecutor() as pool:

        def slow(*args: object, **how: object) -> str:
            if first and first.pop():
                others.append(pool.submit(local_weights, 'hf-hub:timm/net'))
                while 'another process gets model.safetensors' not in capsys.readouterr().err:
                    assert not others[0].done()
                    time.sleep(0.01)
            return fetch(*args, **how)

        monkeypatch.setattr('mmdeeplab.weights.hub.fetch', slow)
        path = local_weights('hf-hub:timm/net')
        assert others[0].result(timeout=30) == path
    assert len(hub.log) == 2  # the pointer and the file


def test_other_weights_than_the_hub_says_are_refused(hub: Server) -> None:
    put(hub, 'timm/net', b'evil!!!', b'weights')
    with pytest.raises(UserError, match='sha256'):
        hub_file('timm/net', 'model.safetensors')


def test_a_file_without_a_checksum_is_refused(hub: Server) -> None:
    hub.put('/timm/net/raw/main/model.safetensors', b'not a pointer')
    with pytest.raises(UserError, match='no checksum'):
        hub_file('timm/net', 'model.safetensors')
    with pytest.raises(UserError, match='write OWNER/NAME'):
        hub_file('../../net', 'model.safetensors')


def test_a_name_of_the_hub(folder: Path, hub: Server) -> None:
    weights = (folder / 'model.safetensors').read_bytes()
    put(hub, 'me/birds', weights, weights)
    hub.put('/me/birds/resolve/main/config.json', (folder / 'config.json').read_bytes())
    assert DeepLabPredictor.from_pretrained('me/birds', device='cpu').classes[3] == 'bird'


def test_a_fast_predictor_is_not_saved(folder: Path, tmp_path: Path) -> None:
    fast = DeepLabPredictor.from_pretrained(folder, device='cpu', fast=True)
    with pytest.raises(UserError, match='without fast'):
        fast.save_pretrained(tmp_path)
