"""Every command on every page is one: its file, its options, its config and its keys are there."""

import argparse
import contextlib
import importlib
import io
import re

import pytest
from blocks import PAGES, TITLE, all_lines, blocks, inline, words
from places import ROOT

from mmdeeplab.cli.main import COMMANDS

FOREIGN = {'cd', 'cp', 'export', 'git', 'mkdir', 'source', 'srun', 'tensorboard', '[', 'curl'}
STANDS_FOR = {'N': '2', 'SOURCE': 'tf'}
WITH_COMMANDS = [page for page in PAGES if all_lines(page)]


IN_A_CHECKOUT = {
    'torture': 'robustness.command',
    'ablate': 'benchmarks.ablation.command',
    'draw_family': 'figures.command',
}
KNOWN = {*COMMANDS, *(name.replace('_', '-') for name in IN_A_CHECKOUT)}


def plain(words: list[str]) -> list[str]:
    """A synopsis as a call: ``[--out DIR]`` and ``A|B`` and ``...``."""
    text = ' '.join(words).replace(' ...', '')
    if re.search(r' \[', text):
        words = re.sub(r'[\[\]]', '', text).split(' ')
        words = [word.partition('|')[0] for word in words]
    return [STANDS_FOR.get(word, word) for word in words]


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of ``train`` or ``new_config``."""
    name = name.replace('-', '_')
    assert name.replace('_', '-') in KNOWN, f'there is no command {name}'
    return importlib.import_module(IN_A_CHECKOUT.get(name, f'mmdeeplab.cli.{name}'))._parser()


def parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return parser.parse_args(arguments)
    except SystemExit as stop:
        if stop.code:
            raise AssertionError(said.getvalue().splitlines()[-1]) from None
        return argparse.Namespace()  # --help


def understand(call: list[str]) -> argparse.Namespace | None:
    """Raise an AssertionError that says what is wrong with a command.

    Returns:
        The arguments where it is one of our commands.
    """
    first, *rest = plain(call)
    first = first.removeprefix('.venv/bin/')
    if first == 'srun':
        return understand(rest)
    if first in ('python', 'pip'):
        return understand_python(first, rest)
    if first == 'make':
        targets = re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(), re.M)
        assert {word for word in rest if '=' not in word} <= set(targets)
    elif first == 'mmdeeplab' and rest and not rest[0].startswith('-'):
        return check_configs(parse(parser_of(rest[0]), rest[1:]))
    elif first.startswith('tools/'):
        assert (ROOT / first).is_file(), f'{first} is missing'
        if first.startswith('tools/dist_'):
            config, count, rest = split_dist(first, rest)
            assert count.isdigit()
            rest = [*config, *rest]
        return check_configs(parse(parser_of(re.sub(r'tools/(dist_)?|\.\w+$', '', first)), rest))
    else:
        assert first in FOREIGN or first == 'mmdeeplab', f'{first} is not known to this test'
    return None


def split_dist(script: str, rest: list[str]) -> tuple[list[str], str, list[str]]:
    """``CONFIG N`` of dist_train.sh, ``CONFIG CHECKPOINT N`` of dist_test.sh."""
    count = 1 if 'train' in script else 2
    return rest[:count], rest[count], rest[count + 1 :]


def understand_python(first: str, rest: list[str]) -> None:
    if first == 'python' and rest[0] != '-m':
        assert (ROOT / rest[0]).is_file(), f'{rest[0]} is missing'
    for extra in re.findall(r'(?:\.|mmdeeplab)\[(\w+)\]', ' '.join(rest)):
        assert f'\n{extra} =' in (ROOT / 'setup.cfg').read_text(), f'no extra {extra}'


def check_configs(args: argparse.Namespace) -> argparse.Namespace:
    """Configs of ours that are named are there, and take the options given."""
    from mmdeeplab.config.load import load_config
    from mmdeeplab.config.options import ConfigOptions

    for value in vars(args).values():
        path = value if isinstance(value, str) else ''
        if path.startswith(('configs/', 'tests/', 'docs/')) and '*' not in path:
            assert (ROOT / path).is_file(), f'{path} is missing'
            if path.startswith('configs/'):
                options = [o for o in getattr(args, 'cfg_options', None) or [] if '...' not in o]
                load_config(str(ROOT / path), ConfigOptions(options))
    return args


@pytest.mark.parametrize('page', WITH_COMMANDS)
def test_commands_of_a_page(page: str) -> None:
    wrong = []
    for where, call in all_lines(page):
        try:
            understand(call)
        except (AssertionError, ValueError) as error:
            wrong.append(f'{where}: {" ".join(call)}: {error}')
    assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize('page', [page for page in PAGES if inline(page)])
def test_commands_in_sentences(page: str) -> None:
    """They may be parts of commands: the file is there, and every option is one of it."""
    for text in inline(page):
        first, *rest = words(text.replace('...', ''))
        if first.startswith('tools/'):
            assert (
                list(ROOT.glob(first)) or first.isupper() or 'NAME' in first or ('COMMAND' in first)
            ), f'{page}: {text}'
        name = rest[0] if first == 'mmdeeplab' else re.sub(r'tools/(dist_)?|\.\w+$', '', first)
        if name.replace('_', '-') in KNOWN:
            options = re.findall(r'(?<!\S)--[a-z][\w-]*', ' '.join(rest))
            known = str(options_of(parser_of(name)))
            assert [o for o in options if f"'{o}'" not in known and o != '--help'] == [], text


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    inner = [o for action in below for sub in action.choices.values() for o in options_of(sub)]
    return [*parser._option_string_actions, *inner]


def test_pages_are_found() -> None:
    assert len(WITH_COMMANDS) >= 15
    assert sum(len(all_lines(page)) for page in PAGES) >= 60


def test_blocks_say_what_they_are() -> None:
    """A block of commands is ``sh`` or ``console``; if it is not run, its title gives a reason."""
    titles = re.compile(rf'title="(?!{TITLE}\w)')
    for page, path in PAGES.items():
        assert not titles.search(path.read_text()), page
    for page in PAGES:
        for block in blocks(page):
            assert block.language or not all_lines(page), f'{block.name}: name its language'


@pytest.mark.parametrize(
    ('line', 'error'),
    [
        ('tools/train.py CONFIG --resme', 'unrecognized arguments: --resme'),
        ('tools/trian.py CONFIG', 'is missing'),
        ('mmdeeplab trian CONFIG', 'there is no command'),
        ('tools/train.py configs/deeplabv4_voc.py', 'is missing'),
        ('tools/train.py configs/deeplabv3_r101_voc.py --cfg-options modle.depth=3', 'modle'),
        ('tools/dist_train.sh CONFIG', 'list index'),
        ('make dmeo', 'dmeo'),
        ("pip install '.[crff]'", 'no extra crff'),
        ('sudo reboot', 'not known'),
    ],
)
def test_slips_are_found(line: str, error: str) -> None:
    with pytest.raises((AssertionError, ValueError, IndexError), match=error):
        understand(words(line))


def test_pages_of_the_site_are_there() -> None:
    """mkdocs.yml names files that exist."""
    named = re.findall(r': ([\w/-]+\.md)$', (ROOT / 'mkdocs.yml').read_text(), re.M)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / 'docs' / name).is_file()] == []
