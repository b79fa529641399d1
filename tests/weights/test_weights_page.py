"""The commands of docs/weights.md, on files that the other projects' code makes here."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from places import ROOT
from safetensors import safe_open
from safetensors.torch import save_file
from test_mmseg import peer
from torch import nn

from mmdeeplab.cli.convert_weights import main
from mmdeeplab.weights.convert import SOURCES
from mmdeeplab.weights.reference_models import load

PAGE = (ROOT / 'docs' / 'weights.md').read_text()
COMMANDS = re.findall(rf'`tools/convert_weights\.py ((?:{"|".join(SOURCES)}) .+?)`', PAGE)
PEERS = ('torchvision', 'timm', 'smp', 'mmseg', 'hf')
HERE = [command for command in COMMANDS if command.split()[0] in PEERS]
CONFIGS = {
    'deeplabv3_mobilenet_v3_large-fc3c493d.pth': 'deeplabv3_mobilenetv3-torchvision_voc.py',
    'resnet50-11ad3fa6.pth': 'deeplabv3_r50_voc.py',
    'xception41.tf_in1k.safetensors': 'deeplabv3plus_xception41_voc.py',
    'model.safetensors': 'deeplabv3plus_mobilenetv2-smp_voc.py',
    'deeplabv3plus_m-v2-d8.pth': 'deeplabv3plus_mobilenetv2-d8-mmseg_voc.py',
    'pytorch_model.bin': 'deeplabv3_mobilenetv2_voc.py',
}


def network(file: str) -> nn.Module:
    """The network that a file of this name on the page is of."""
    if file == 'pytorch_model.bin':
        hf = load('transformers')
        return hf.MobileNetV2ForSemanticSegmentation(hf.MobileNetV2Config(num_labels=21))
    if file.startswith('deeplabv3plus_m-v2'):
        return peer('mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb2-80k_cityscapes-512x1024').model
    if file.startswith('deeplabv3'):
        models = load('torchvision.models').segmentation
        return models.deeplabv3_mobilenet_v3_large(
            weights=None, weights_backbone=None, aux_loss=True
        )
    if file.startswith('resnet50'):
        return load('torchvision.models').resnet50(weights=None)
    if file.startswith('xception41'):
        return load('timm').create_model('xception41')
    smp = load('segmentation_models_pytorch')
    return smp.DeepLabV3Plus('mobilenet_v2', encoder_weights=None, classes=2)


def write(path: Path) -> None:
    try:
        state = network(path.name).state_dict()
    except ImportError as error:
        pytest.skip(f'needs torchvision, timm, smp and transformers: make env ({error})')
    save_file(state, path) if path.suffix == '.safetensors' else torch.save(state, path)


def test_every_source_has_its_section() -> None:
    assert re.findall(r'^## (\w+)$', PAGE, re.M) == list(SOURCES)
    assert {command.split()[0] for command in COMMANDS} == set(SOURCES)
    assert len(HERE) >= 4


def test_every_config_of_the_page_is_there() -> None:
    named = re.findall(r'`((?:deeplabv3|lraspp)\w*_[\w-]+_voc)`', PAGE)
    assert len(named) > 10
    assert [n for n in named if not (ROOT / 'configs' / f'{n}.py').is_file()] == []


@pytest.mark.parametrize('command', HERE)
def test_command(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    arguments = shlex.split(command)
    source, file, out = arguments[:3]
    write(tmp_path / file)
    (tmp_path / 'names.txt').write_text('sky\nroad\n')
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert CONFIGS[file] in printed
    assert printed.count('largest absolute difference') == 2
    with safe_open(tmp_path / out, 'pt') as converted:
        meta = {key: json.loads(value) for key, value in converted.metadata().items()}
        keys = list(converted.keys())
    assert (meta['source'], meta['input'], meta['config']) == (source, file, CONFIGS[file])
    assert len(meta['sha256']) == 64
    whole = any(key.startswith('decode_head.') for key in keys)
    assert meta['part'] == ('model' if whole else 'backbone')
    assert len(meta['classes'] or ()) == (meta['num_classes'] or 0)


def test_other_classes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Of two classes into a config of 21: the error says what to give, and nothing is written."""
    path, out, names = (tmp_path / n for n in ('model.safetensors', 'ours.pth', 'names.txt'))
    write(path)
    call = ['smp', str(path), str(out)]
    given = str(ROOT / 'configs' / CONFIGS[path.name])
    assert main([*call, '--config', given]) == 2
    printed = capsys.readouterr().err
    assert f'--config configs/{CONFIGS[path.name]} --cfg-options' in printed
    assert 'model.decode_head.num_classes=2' in printed
    assert main([*call, '--config', str(ROOT / 'configs' / 'deeplabv3plus_r101-smp_voc.py')]) == 2
    assert f'These weights are of --config configs/{CONFIGS[path.name]}' in capsys.readouterr().err
    names.write_text('sky\nroad\ncar\n')
    assert main([*call, '--classes', str(names)]) == 2
    assert 'names 3 classes, the weights have 2' in capsys.readouterr().err
    assert main([*call, '--classes', 'nothing']) == 2
    assert 'neither a file' in capsys.readouterr().err
    assert not out.exists()
    assert main([*call, '--licence', 'CC0-1.0']) == 0
    meta = torch.load(out)['meta']
    assert meta['cfg_options'] == ['model.decode_head.num_classes=2']
    assert (meta['classes'], meta['licence']) == (None, 'CC0-1.0')


def test_a_missing_peer_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / 'model.safetensors'
    write(path)

    def missing(name: str) -> None:
        raise ModuleNotFoundError(f'No module named {name!r}')

    monkeypatch.setattr('mmdeeplab.weights.reference_models.smp.load', missing)
    assert main(['smp', str(path), str(tmp_path / 'ours.safetensors'), '--check']) == 2
    printed = capsys.readouterr().err
    assert 'no reference model installed for smp' in printed
    assert 'pip install --no-deps --target' in printed
