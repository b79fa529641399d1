"""What reaches the terminal: no control characters, signs of life, sentences for bad paths."""

import ast
import importlib
import io
import logging
import re
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from places import ROOT
from tqdm import tqdm

from mmdeeplab import console
from mmdeeplab.cli.main import COMMANDS, dispatch
from mmdeeplab.console import PrintableStream, one_line, printable, printable_record, progress
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

ESCAPES = [
    ('\x1b[31mred', r'\x1b[31mred'),
    ('\x1b]0;title\x07', r'\x1b]0;title\x07'),
    ('\x9b2J', r'\x9b2J'),
    ('a\bb', r'a\x08b'),
    ('\u202egnp.exe', r'\u202egnp.exe'),
    ('\u2066a\u2069', r'\u2066a\u2069'),
    ('a\u2028b', r'a\u2028b'),
    ('a\x85b', r'a\x85b'),
    ('a\rb', r'a\rb'),
    ('\udcff.jpg', r'\udcff.jpg'),
    ('\x7f\x00', r'\x7f\x00'),
    ('naïve 文件 👩‍🚀 e\u0301', 'naïve 文件 👩‍🚀 e\u0301'),
]


@pytest.mark.parametrize(('text', 'shown'), ESCAPES)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert one_line(f'{text}\n\t') == shown + r'\n\t'
    file = io.StringIO()
    print('name:', text, file=PrintableStream(file))
    assert file.getvalue() == f'name: {shown}\n'
    record = logging.LogRecord('', 20, '', 1, '%s', (text,), None)
    assert printable_record(record)
    assert record.getMessage() == shown


def test_bars_and_coloured_levels_pass() -> None:
    file = io.StringIO()
    stream = PrintableStream(file)
    with tqdm(total=2, file=stream, mininterval=0, ncols=40) as outer:
        for _ in tqdm(range(2), file=stream, mininterval=0, ncols=40):
            outer.update()
    assert '\x1b[A' in file.getvalue()
    assert '\\' not in file.getvalue()
    head = '11/26 16:00:00 - mmengine - \x1b[4m\x1b[97mINFO\x1b[0m - '
    stream.write(head + 'a\x1b[0m')
    assert file.getvalue().endswith(head + r'a\x1b[0m')


@pytest.mark.parametrize('kind', ['log', 'terminal'])
def test_long_silence_is_broken(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, 'DELAY', 0.05)
    file = io.StringIO()
    file.isatty = lambda: kind == 'terminal'  # type: ignore[method-assign]
    with redirect_stderr(file):
        assert list(progress(range(5), 'fast', 5)) == list(range(5))
        assert file.getvalue() == ''
        for _ in progress(range(12), 'reading a list', 12, 'lines'):
            time.sleep(0.02)
    assert 'reading a list' in file.getvalue()
    log = r'reading a list: \d+ of 12 lines in \d+ s, \d+ s left\n'
    assert '/12' in file.getvalue() if kind == 'terminal' else re.match(log, file.getvalue())
    monkeypatch.setenv('RANK', '1')
    assert list(progress(range(3), 'other ranks')) == [0, 1, 2]


@pytest.mark.parametrize('error', [RuntimeError, OSError, KeyError, ImportError])
def test_a_traceback_has_no_control_characters(
    error: type[Exception], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'excepthook', sys.__excepthook__)
    with pytest.raises(SystemExit):
        dispatch(['configs', '--help'])
    capsys.readouterr()
    try:
        raise error('\x1b[31mred\u202e')
    except Exception:
        sys.excepthook(*sys.exc_info())
    said = capsys.readouterr().err
    assert said.startswith('Traceback (most recent call last):')
    assert error.__name__ in said
    assert not {'\x1b', '\u202e'} & set(said)


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('mini')
    generate(out, MiniVoc(train=2, val=1, size=48), quiet=True)
    return out


MINI = 'deeplabv3plus_xception_mini-voc'
PLACES = [
    'predict PATH --model MINI --checkpoint x.pth --out o',
    'predict DATA --model PATH --out o',
    'predict DATA --model PATH --checkpoint PATH --out o',
    'predict DATA --model MINI --checkpoint PATH --out o',
    'check-dataset PATH',
    'check-dataset MINI --data-root PATH',
    'check-dataset MINI --data-root DATA --json PATH',
    'check-dataset MINI --data-root DATA --fix PATH --colours PATH',
    'train PATH',
    'train MINI --data-root PATH',
    'test PATH PATH',
    'test MINI PATH --data-root PATH',
    'export PATH PATH --format onnx --verify PATH',
    'analyze PATH',
    'compare-runs PATH PATH',
    'convert-annotations PATH --out o',
    'convert-annotations DATA --out PATH',
    'convert-weights tflite PATH o.safetensors',
    'convert-weights tf PATH o.safetensors',
    'convert-weights caffe PATH o.safetensors',
    'convert-weights timm PATH o.safetensors',
    'new-config --data PATH --out n.py',
    'new-config --data DATA --out PATH.py',
    'prepare-data ade20k --root PATH',
    'prepare-data ade20k --root o --archives PATH',
    'prepare-voc --root PATH',
    'make-mini-voc --out PATH',
    'weights list --catalogue PATH',
    'weights get coral_mobilenetv2_voc --cache PATH',
    'serve PATH',
]
PATHS = {
    'long': 'x' * 5000,
    'long part': 'y' * 300 + '/a',
    'NUL': 'a\0b',
    'below a device': '/dev/null/x',
    'loop of links': 'loop/x',
    'escapes': '/dev/null/a\x1b[31m\u202eb',
}


@pytest.mark.parametrize('path', PATHS)
@pytest.mark.parametrize('words', PLACES)
def test_an_impossible_path_is_a_sentence(
    words: str,
    path: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'loop').symlink_to('loop')
    given = {'DATA': str(data), 'MINI': MINI}
    argv = [given.get(word, word).replace('PATH', PATHS[path]) for word in words.split()]
    assert dispatch(argv) == 2
    told = capsys.readouterr().err
    assert told.count('error: ') == 1
    assert len(told) < 1000
    assert not set(told) & set('\x1b\0\u202e')


def test_every_command_prints_through_the_one_place() -> None:
    doors = {path.stem.replace('_', '-') for path in (ROOT / 'tools').glob('[a-z]*.py')}
    assert doors - {'torture', 'ablate', 'draw-family'} == set(COMMANDS)
    for name, sentence in COMMANDS.items():
        module = importlib.import_module(f'mmdeeplab.cli.{name.replace("-", "_")}')
        assert module.main.__qualname__ == 'command.<locals>.main', name
        assert ' '.join(module._parser().description.split()).startswith(sentence), name


OWN = 'deeplabv3plus_xception_voc'


@pytest.mark.parametrize(
    ('argv', 'installed', 'source'),
    [
        (['train', 'tools/train.py'], 'tools/train.py', 'tools/train.py'),
        (['train', '/home/me/tools/my_config.py'], 'tools/my_config.py', 'tools/my_config.py'),
        (['predict', 'tools/predict.py', '--model', OWN, '--out', 'o'], 'at tools/predict.py', ''),
        (['weights', 'show', 'tools/test.py'], "'tools/test.py'; mmdeeplab weights list", ''),
        (['weights', 'show', 'zzzzzz'], 'mmdeeplab weights list', 'tools/weights.py list'),
        (['test', OWN, 'tools/x.py'], 'mmdeeplab convert-weights', 'tools/convert_weights.py'),
        (['train', OWN, '--data-root', 'tools/no'], 'mmdeeplab make-mini-voc --out', 'tools/make'),
    ],
)
def test_only_our_commands_are_named_as_they_were_called(
    argv: list[str],
    installed: str,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dispatch(list(argv)) == 2
    assert installed in capsys.readouterr().err
    module = importlib.import_module(f'mmdeeplab.cli.{argv[0]}')
    assert module.main(argv[1:]) == 2
    assert source in capsys.readouterr().err


def test_names_of_tools_in_sentences_are_marked() -> None:
    """A literal ``tools/NAME.py`` in code, but for docstrings, is wrong in an installation."""
    names = [f'tools/{name.replace("-", "_")}.py' for name in COMMANDS]
    found = []
    for path in sorted((ROOT / 'mmdeeplab').rglob('*.py')):
        text = path.read_text(encoding='utf-8')
        if not any(name in text for name in names):
            continue
        nodes = list(ast.walk(ast.parse(text)))
        documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if not isinstance(node, ast.Constant) or id(node) in documentation:
                continue
            if isinstance(node.value, str) and any(name in node.value for name in names):
                found.append(f'{path.name}:{node.lineno}')
    assert found == []
