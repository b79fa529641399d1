"""The commands in docs/install.md, docs/own_project.md and docs/serve.md are commands."""

import importlib
import re
import shlex

import pytest
from places import ROOT

from mmdeeplab.cli.main import commands

PAGES = ('install', 'own_project', 'serve')
LINES = [
    line
    for page in PAGES
    for block in re.findall(
        r'^```\n(.*?)^```', (ROOT / 'docs' / f'{page}.md').read_text(), re.S | re.M
    )
    for line in block.splitlines()
    if line.startswith('mmdeeplab ')
]


def test_commands_are_found() -> None:
    assert len(LINES) >= 8


@pytest.mark.parametrize('line', LINES)
def test_it_is_understood(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    assert name in commands()
    module = importlib.import_module(f'mmdeeplab.cli.{name.replace("-", "_")}')
    module._parser().parse_args(arguments)
