"""``serve.py`` as a person starts and stops it."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from networks import random_checkpoint
from PIL import Image
from places import ROOT

pytest.importorskip('uvicorn', reason="needs the extra 'serve'")

from test_http import ask, encoded

from mmdeeplab.cli.serve import is_loopback, main
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError
from mmdeeplab.serve.examples import MOST, from_folder
from mmdeeplab.serve.limits import RequestLimits
from mmdeeplab.serve.server import listen

CONFIG = str(ROOT / 'configs/lraspp_mobilenetv3-small_voc.py')
SIDE = 65
OPTIONS = ['--cfg-options', f'model.data_preprocessor.test_size=({SIDE},{SIDE})']


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(
        load_config(CONFIG, ConfigOptions(OPTIONS[1:])), tmp_path_factory.mktemp('weights')
    )


def test_it_answers_as_the_predictor_does_and_ends_quietly(
    checkpoint: Path, tmp_path: Path
) -> None:
    from mmdeeplab import DeepLabPredictor

    (tmp_path / 'mine.png').write_bytes(encoded(33, 48))
    command = [sys.executable, str(ROOT / 'tools/serve.py'), CONFIG, str(checkpoint)]
    server = subprocess.Popen(
        [*command, '--port', '0', '--device', 'cpu', '--examples', str(tmp_path), *OPTIONS],
        env=os.environ | dict(OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        first = server.stdout.readline()
        assert first.startswith('http://127.0.0.1:'), server.communicate(timeout=60)[1][-2000:]
        url, data = first.split()[0], encoded(40, 50)
        answer = json.loads(ask(url, '/api/segment', data)[1])
        assert json.loads(ask(url, '/examples')[1]) == dict(examples=['mine'])
        assert ask(url, '/examples/0/picture')[1] == (tmp_path / 'mine.png').read_bytes()
    finally:
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert server.returncode == 0
    assert 'Traceback' not in errors
    result = DeepLabPredictor(load_config(CONFIG, ConfigOptions(OPTIONS[1:])), checkpoint, 'cpu')(
        data
    )
    mask = np.array(Image.open(io.BytesIO(base64.b64decode(answer['mask']))))
    assert len(result.areas) > 1
    assert np.array_equal(mask, result.labels)
    assert {row['name']: row['area'] for row in answer['classes']} == result.areas
    assert all(result.classes[row['id']] == row['name'] for row in answer['classes'])


def test_mistakes(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    (tmp_path / 'broken.jpg').write_bytes(b'no picture')
    cases = [
        ([], 'is a config, which needs a checkpoint'),
        (['gone.pth'], 'no checkpoint at gone.pth'),
        (['gone.pth', '--examples', 'nowhere'], '--examples nowhere: No such file'),
        (['gone.pth', '--examples', str(tmp_path)], 'broken.jpg: this is not a picture'),
        (['gone.pth', '--examples', str(ROOT / 'docs')], 'no pictures there'),
        (['gone.pth', '--timeout', '0'], '--timeout must be positive, got 0'),
        (['gone.pth', '--timeout', 'nan'], '--timeout must be positive, got nan'),
        (['gone.pth', '--max-megabytes', 'inf'], '--max-megabytes must be finite, got inf'),
        (['gone.pth', '--max-pixels', '-4'], '--max-pixels must be positive, got -4'),
        (['gone.pth', '--port', '99999'], 'cannot listen on 127.0.0.1:99999'),
        (['gone.pth', '--host', '203.0.113.7'], 'cannot listen on 203.0.113.7:0'),
    ]
    for arguments, words in cases:
        port = [] if '--port' in arguments else ['--port', '0']
        assert main([CONFIG, *arguments, *port]) == 2
        told = capsys.readouterr().err
        assert words in told
        assert told.count('\n') == 1


def test_a_taken_port_is_named() -> None:
    with listen('127.0.0.1', 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f'{port}: Address already in use.* --port'):
            listen('127.0.0.1', port)


def test_missing_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, 'uvicorn', None)
    assert main([CONFIG, 'gone.pth']) == 2
    assert 'pip install starlette uvicorn python-multipart' in capsys.readouterr().err


def test_examples_of_a_folder(tmp_path: Path) -> None:
    for i in range(MOST + 3):
        size = (10, 10) if i else (400, 800)
        (tmp_path / f'{i:02d}.webp').write_bytes(encoded(*size, 'WEBP'))
    (tmp_path / '00.txt').touch()
    (tmp_path / '._00.webp').write_bytes(b'of macOS')
    found = from_folder(tmp_path, RequestLimits())
    assert [example.name for example in found] == [f'{i:02d}' for i in range(MOST)]
    assert found[0].media_type == 'image/webp'
    assert Image.open(io.BytesIO(found[0].thumbnail)).size == (320, 160)


def test_an_example_that_could_not_be_uploaded(tmp_path: Path) -> None:
    """The page sends an example as any other picture."""
    (tmp_path / 'a.webp').write_bytes(encoded(10, 10, 'WEBP') + bytes(2000))
    with pytest.raises(UserError, match=r'a\.webp: larger than the 0\.002 MB'):
        from_folder(tmp_path, RequestLimits(max_megabytes=0.002))


def test_who_may_come() -> None:
    assert is_loopback('127.0.0.1')
    assert is_loopback('::1')
    assert is_loopback('localhost')
    assert not is_loopback('0.0.0.0')
    assert not is_loopback('example.org')
