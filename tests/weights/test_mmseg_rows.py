"""The model zoo's rows of mmsegmentation beside the configs that it published them with."""

from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from places import ROOT
from test_mmseg import one_process

from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.weights.converters import mmseg as importer
from mmdeeplab.weights.model_zoo import Checkpoint, load
from mmdeeplab.weights.table import convert

HERE = Path(mmseg.__file__).parent / '.mim'
NAMES = ('cityscapes', 'ade20k', 'coco-stuff164k', 'pascal-context', 'pascal-context-59')
MODELS_OF_THEIRS = {
    model['Weights']: model
    for folder in ('deeplabv3', 'deeplabv3plus', 'mobilenet_v2')
    for model in yaml.safe_load((HERE / f'configs/{folder}/metafile.yaml').read_text())['Models']
}
ROWS = [row for row in load() if row.importer == 'mmseg' and row.dataset in NAMES]
NETWORKS = {(row.config, row.cfg_options): row for row in ROWS}
ids = [f'{config[:-3]}-{len(options)}' for config, options in NETWORKS]


def their_config(row: Checkpoint) -> Config:
    path = MODELS_OF_THEIRS[row.url]['Config']
    if '_r101-' in row.name:  # in two records the file's and the architecture, but not the config's
        path = path.replace('_r50-', '_r101-')
    return Config.fromfile(HERE / path)


def test_every_data_set_has_its_rows() -> None:
    assert {row.dataset for row in ROWS} == set(NAMES)
    assert len(ROWS) > 50


@pytest.mark.parametrize('row', NETWORKS.values(), ids=ids)
def test_a_row_is_their_setting(row: Checkpoint) -> None:
    """Crop, batch, rate, decay, length, resizing, windows and classes of their config."""
    theirs = their_config(row)
    ours = load_config(str(ROOT / 'configs' / row.config), ConfigOptions(row.cfg_options))
    for head in ('decode_head', 'auxiliary_head'):
        keys = ('num_classes', 'align_corners')
        assert [ours.model[head][k] for k in keys] == [theirs.model[head][k] for k in keys]
    if '769x769' in row.name:
        return  # the windows are told in the row's note
    optimizer = (theirs.optim_wrapper.optimizer, ours.optim_wrapper.optimizer)
    assert optimizer[0] == optimizer[1]
    assert ours.model.data_preprocessor.size == theirs.model.data_preprocessor.size
    assert ours.model.test_cfg == theirs.model.test_cfg
    steps = [
        {step.type.rpartition('.')[2]: step for step in cfg[f'{role}_dataloader'].dataset.pipeline}
        for cfg in (theirs, ours)
        for role in ('train', 'test')
    ]
    for name, keys in dict(
        RandomResize=('scale', 'ratio_range'), RandomCrop=('crop_size', 'cat_max_ratio')
    ).items():
        assert [steps[2][name][k] for k in keys] == [steps[0][name][k] for k in keys]
    assert 'PhotoMetricDistortion' in steps[0].keys() & steps[2].keys()
    if 'cityscapes' not in row.dataset:  # whose images have the size already
        assert steps[3]['Resize'].scale == steps[1]['Resize'].scale
    assert ours.param_scheduler[0].eta_min == theirs.param_scheduler[0].eta_min
    batch = theirs.train_dataloader.batch_size * 4  # GPUs
    assert ours.train_dataloader.batch_size == batch


@pytest.mark.slow
@pytest.mark.parametrize('row', NETWORKS.values(), ids=ids)
def test_every_tensor_of_theirs_has_its_place(row: Checkpoint) -> None:
    theirs = their_config(row).model
    theirs.pretrained = None
    one_process(theirs)
    ours = load_config(str(ROOT / 'configs' / row.config), ConfigOptions(row.cfg_options)).model
    init_default_scope('mmseg')
    with torch.device('meta'):
        states = [MODELS.build(model).state_dict() for model in (theirs, ours)]
    tensors = {
        name: np.broadcast_to(np.float32(0), tuple(tensor.shape))
        for name, tensor in states[0].items()
        if not name.endswith('num_batches_tracked')
    }
    assert convert(tensors, importer.table_for(tensors), states[1]).keys() == states[1].keys()
