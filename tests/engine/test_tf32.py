"""``env_cfg.allow_tf32``, by training, prediction and the check of configs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from robustness.tiny import tiny_runner

from mmdeeplab import DeepLabPredictor
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError

CONFIG = 'lraspp_mobilenetv3-small_voc'


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    before = flags()
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def flags() -> tuple[bool, bool]:
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize('allowed', [False, True, None])
def test_a_run_sets_it(allowed: bool | None, tmp_path: Path) -> None:
    before = flags()
    tiny_runner(tmp_path, 1, env_cfg={} if allowed is None else dict(allow_tf32=allowed))
    assert flags() == (before if allowed is None else (allowed, allowed))


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mmseg.registry import MODELS

    init_default_scope('mmseg')
    cfg = load_config(CONFIG)
    path = tmp_path_factory.mktemp('weights') / 'w.pth'
    torch.save(dict(state_dict=unwrap(MODELS.build(cfg.model)).state_dict()), path)
    return path


@pytest.mark.parametrize('allowed', [False, True])
@pytest.mark.parametrize('by', ['argument', 'config', 'both'])
def test_a_predictor_sets_it(allowed: bool, by: str, weights: Path) -> None:
    """Its argument goes before the config."""
    cfg = Config(load_config(CONFIG).to_dict())
    if by != 'argument':
        cfg.env_cfg['allow_tf32'] = allowed if by == 'config' else not allowed
    argument = None if by == 'config' else allowed
    DeepLabPredictor(cfg, weights, 'cpu', allow_tf32=argument)
    assert flags() == (allowed, allowed)


def test_the_key_is_checked() -> None:
    cfg = load_config(CONFIG, ConfigOptions(['env_cfg.allow_tf32=False']))
    assert cfg.env_cfg.allow_tf32 is False
    for option, words in (
        ('env_cfg.allow_tf32=no', "env_cfg.allow_tf32 must be one of None, True, False, got 'no'"),
        ('env_cfg.alow_tf32=True', 'did you mean allow_tf32'),
    ):
        with pytest.raises(UserError, match=words):
            load_config(CONFIG, ConfigOptions([option]))
