"""The command `analyze`."""

import json

import pytest
from places import ROOT

from mmdeeplab.cli.analyze import main

CONFIGS = ROOT / 'configs'
MOBILE = str(CONFIGS / 'deeplabv3_mobilenetv2_voc.py')
XCEPTION = str(CONFIGS / 'deeplabv3plus_xception_voc.py')


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([MOBILE, '--json', '--output-stride', '8']) == 0
    report = json.loads(capsys.readouterr().out)
    assert report['shape'] == [1, 3, 513, 513]
    assert report['parameters']['total'] == 2_113_557
    assert report['multiply_adds']['total'] == pytest.approx(8.83e9, rel=1e-3)
    assert [(row['stride'], row['rate']) for row in report['stages']] == [
        (2, 1),
        (4, 1),
        (8, 1),
        (8, 2),
        (8, 4),
    ]
    assert report['memory']['training_bytes'] > report['memory']['inference_bytes'] > 1e6
    assert report['warnings'] == []


def test_text_and_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([XCEPTION, '--output-stride', '8', '--shape', '257', '257']) == 0
    text = capsys.readouterr().out
    assert 'input 257 x 257' in text
    assert '41,055,413' in text
    where = 'warning: neck.atrous.2.depthwise_conv: rate 36 reaches beyond its map of 33 x 33'
    assert where in text


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no.py'], 'no config at no.py'),
        ([MOBILE, '--output-stride', '4'], 'output_stride must be one of 8, 16, 32, got 4'),
        ([MOBILE, '--shape', '0', '513'], '--shape and --batch must be positive'),
        (
            [MOBILE, '--cfg-options', 'model.backbone.depth_multiplier=0.5'],
            'does not work: Invalid channel dimensions',
        ),
    ],
)
def test_errors_are_sentences(
    capsys: pytest.CaptureFixture[str], arguments: list, message: str
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
