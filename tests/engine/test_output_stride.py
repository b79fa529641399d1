"""One switch for backbone and rates."""

import pytest
from mmengine.config import Config
from places import ROOT

from mmdeeplab.config.output_stride import with_output_stride
from mmdeeplab.errors import UserError


def config(name: str = 'deeplabv3plus_xception_voc') -> Config:
    return Config.fromfile(ROOT / 'configs' / f'{name}.py')


@pytest.mark.parametrize(
    ('stride', 'rates'), [(8, (12, 24, 36)), (16, (6, 12, 18)), (32, (3, 6, 9))]
)
def test_backbone_and_neck_go_together(stride: int, rates: tuple) -> None:
    cfg = with_output_stride(config(), stride)
    assert cfg.model.backbone.output_stride == stride
    assert tuple(cfg.model.neck.rates) == rates


def test_equals_the_written_variant() -> None:
    cfg = with_output_stride(config(), 8)
    written = config('deeplabv3plus_xception-os8_voc')
    assert cfg.model.backbone == written.model.backbone
    assert tuple(cfg.model.neck.rates) == tuple(written.model.neck.rates)


@pytest.mark.parametrize('stride', [4, 12, 0])
def test_others_are_refused(stride: int) -> None:
    with pytest.raises(UserError, match=f'8, 16, 32, got {stride}'):
        with_output_stride(config(), stride)
