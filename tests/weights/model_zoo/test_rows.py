"""The rows: facts against other sources, and model zoos that are wrong."""

import json
import re
from pathlib import Path

import mmseg
import pytest
import yaml
from mmengine.config import Config
from places import ROOT

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.weights.convert import SOURCES
from mmdeeplab.weights.model_zoo import find, load

ROWS = load()
BY_NAME = {row.name: row for row in ROWS}
# deeplab_spec 5.5: single scale and several of TF's VOC checkpoints, Cityscapes' of MobileNetV3
TF = {
    'mobilenetv2_dm05_coco_voc_trainaug': (70.19, None),
    'mobilenetv2_dm05_coco_voc_trainval': (71.83, None),
    'mobilenetv2_coco_voc_trainaug': (75.32, 77.33),
    'mobilenetv2_coco_voc_trainval': (None, 80.25),
    'xception65_coco_voc_trainaug': (82.20, 83.58),
    'xception65_coco_voc_trainval': (None, 87.80),
    'mobilenetv3_large_cityscapes_trainfine': (72.41, None),
    'mobilenetv3_small_cityscapes_trainfine': (68.99, None),
}


def test_the_sources_are_all_there() -> None:
    importers = {row.importer for row in ROWS}
    assert importers >= {'tf', 'tflite', 'torchvision', 'mmseg', 'timm', 'hf'}
    assert len(ROWS) >= 90


def test_a_row_says_where_from_and_whose() -> None:
    for row in ROWS:
        assert row.licence, row.name
        assert row.source, row.name
        assert row.version in ('v1', 'v2', 'v3', 'v3+', 'lraspp', 'backbone'), row.name
        assert all(0 < result.miou < 100 for result in row.results), row.name
        assert row.importer in SOURCES or (row.importer is None and row.note), row.name


@pytest.mark.parametrize('config', sorted({row.config for row in ROWS if row.importer}))
def test_a_row_has_a_config_that_its_options_fit(config: str) -> None:
    cfg = Config.fromfile(ROOT / 'configs' / config)
    for option in {option for row in ROWS if row.config == config for option in row.cfg_options}:
        node = cfg
        for key in option.partition('=')[0].split('.'):
            assert key in node, f'{config} has no {option}'
            node = node[key]


def test_figures_of_tensorflow() -> None:
    for name, figures in TF.items():
        row = BY_NAME[name]
        found = tuple(row.result(multi_scale) for multi_scale in (False, True))
        assert tuple(result and result.miou for result in found) == figures
        assert all(result.split == ('test' if 'trainval' in name else 'val')
                   for result in row.results)  # fmt: skip


def published() -> dict[str, dict]:
    """mmsegmentation's own records, by the address of the file."""
    configs = Path(mmseg.__file__).parent / '.mim' / 'configs'
    models = {}
    for folder in ('deeplabv3', 'deeplabv3plus', 'mobilenet_v2'):
        text = (configs / folder / 'metafile.yaml').read_text()
        models.update({model['Weights']: model for model in yaml.safe_load(text)['Models']})
    return models


def test_rows_of_mmsegmentation_are_its_own() -> None:
    models = published()
    rows = [row for row in ROWS if row.importer == 'mmseg']
    assert len(rows) >= 60
    for row in rows:
        metrics = models[row.url]['Results']['Metrics']
        single, several = row.result(False), row.result(True)
        assert single.miou == metrics['mIoU']
        assert (several and several.miou) == metrics.get('mIoU(ms+flip)')
        network = (
            models[row.url]['Metadata']['Architecture'][0].lower().replace('m-v', 'mobilenetv')
        )
        assert network.replace('-', '').startswith(row.backbone)


@pytest.mark.parametrize('importer', ['mmseg', 'torchvision'])
def test_checksums_are_those_in_the_file_names(importer: str) -> None:
    rows = [row for row in ROWS if row.importer == importer]
    assert rows
    for row in rows:
        in_name = re.search(r'-([0-9a-f]{8})\.pth$', row.url)
        assert in_name
        assert row.sha256.startswith(in_name[1])


def test_the_checksum_of_corals_file(shared: Path) -> None:
    path = shared / 'voc_mobilenetv2' / 'deeplabv3_mnv2_pascal_quant.tflite'
    row = BY_NAME['coral_mobilenetv2_voc']
    assert (digest(path), path.stat().st_size) == (row.sha256, row.size)


def test_a_typo_is_answered_with_near_names() -> None:
    with pytest.raises(UserError, match=r'did you mean xception65_coco_voc_trainaug'):
        find('xception65_coco_voc_trainagu', ROWS)
    with pytest.raises(UserError, match=r'no checkpoint is named .qqq.; tools/weights.py list'):
        find('qqq', ROWS)


GOOD = dict(
    name='mine', version='v3+', backbone='xception65', dataset='voc', importer='mmdeeplab',
    url='https://lab.example/mine.safetensors',
)  # fmt: skip
WRONG: dict[str, tuple[dict, str]] = {
    'unknown key': (dict(miou=80), "mine: unknown key 'miou'"),
    'misspelt key': (dict(datasets='voc'), "unknown key 'datasets'; did you mean dataset"),
    'http': (dict(url='http://lab.example/mine.pth'), 'mine: http.*only https'),
    'no file': (dict(url='https://lab.example/'), 'does not end in the name of a file'),
    'a folder above': (dict(url='https://lab.example/a/..'), 'does not end in the name'),
    'a path as a name': (dict(name='../mine'), r"letters, digits .*, got '\.\./mine'"),
    'a hidden name': (dict(name='.mine'), 'letters, digits'),
    'no checksum': (dict(sha256='none'), 'sha256 must be 64 hexadecimal digits'),
    'no config': (dict(importer='tf'), 'mine: no config'),
}


@pytest.mark.parametrize('name', WRONG)
def test_a_wrong_row_is_named(tmp_path: Path, name: str) -> None:
    change, message = WRONG[name]
    path = tmp_path / 'mine.json'
    path.write_text(json.dumps(dict(checkpoints=[GOOD | change])))
    with pytest.raises(UserError, match=message) as error:
        load(path)
    assert str(path) in str(error.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'mine.json'
    path.write_text(json.dumps(dict(checkpoints=[dict(name='mine')])))
    with pytest.raises(UserError, match='mine says nothing of version, backbone, dataset, url'):
        load(path)


def test_two_of_one_name_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'mine.json'
    path.write_text(json.dumps(dict(checkpoints=[GOOD, GOOD])))
    with pytest.raises(UserError, match=r'mine\.json: more than one mine'):
        load(path)


@pytest.mark.parametrize('text', ['', '[]', '{}', 'x', '{"checkpoints": 3}', '{"checkpoints":[3]}'])
def test_what_is_no_model_zoo(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'mine.json'
    path.write_text(text)
    with pytest.raises(UserError, match=r'mine\.json is not a model zoo'):
        load(path)


def test_defaults_and_files_below_a_base(tmp_path: Path) -> None:
    path = tmp_path / 'mine.json'
    shared_by_all = {key: value for key, value in GOOD.items() if key not in ('name', 'url')}
    shared_by_all['base_url'] = 'https://lab.example/'
    rows = [dict(name='a', file='a.pth'), dict(name='b', url='https://other.example/b.pth')]
    path.write_text(json.dumps(dict(defaults=shared_by_all, checkpoints=rows)))
    loaded = load(path)
    assert [row.url for row in loaded] == ['https://lab.example/a.pth', rows[1]['url']]
    assert {row.backbone for row in loaded} == {'xception65'}
