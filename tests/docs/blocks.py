"""The commands in README, CONTRIBUTING and docs/: which blocks there are, what each line says."""

import json
import re
import shlex
from typing import NamedTuple

from places import ROOT

TITLE = 'not run by the tests: '
PAGES = {
    path.relative_to(ROOT).as_posix().removesuffix('.md'): path
    for path in [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(ROOT.glob('docs/**/*.md'))]
}
NOTEBOOKS = {
    path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.glob('docs/**/*.ipynb'))
}
FENCE = re.compile(r'^```([^\n]*)\n(.*?)^```$', re.S | re.M)
OURS = re.compile(r'(?:tools/|mmdeeplab [a-z])')


class Block(NamedTuple):
    """A fenced block."""

    page: str
    line: int
    language: str
    reason: str
    """Why it is not run; empty where it is."""
    text: str

    @property
    def name(self) -> str:
        return f'{self.page}:{self.line}'


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = PAGES[page].read_text()
    found = []
    for match in FENCE.finditer(text):
        language, _, rest = match[1].partition(' ')
        title = re.search(r'title="(.*)"', rest)
        reason = title[1].removeprefix(TITLE) if title and title[1].startswith(TITLE) else ''
        line = text[: match.start()].count('\n') + 1
        found.append(Block(page, line, language, reason, match[2]))
    return found


def notebook(name: str) -> list[Block]:
    """All code of a notebook, in order, as one block of the language ``notebook``."""
    cells = json.loads(NOTEBOOKS[name].read_text())['cells']
    code = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
    return [Block(name, 1, 'notebook', '', '\n'.join(code))]


def lines(block: Block) -> list[str]:
    """The command lines of a ``sh`` or ``console`` block; of others what looks like commands."""
    whole = block.text.replace('\\\n', ' ').splitlines()
    if block.language == 'console':
        return [line[2:] for line in whole if line.startswith('$ ')]
    if block.language in ('', 'text'):
        return [line for line in whole if OURS.match(line)]
    if block.language == 'notebook':
        return [line[1:] for line in whole if line.startswith('!')]
    return whole if block.language == 'sh' else []


def shown_error(block: Block, line: str) -> str:
    """What a ``console`` block shows behind a command that ends in an error; else empty."""
    if block.language != 'console':
        return ''
    shown = block.text.partition(f'$ {line}\n')[2].partition('\n$ ')[0].strip()
    return shown if shown.startswith('error: ') else ''


def words(line: str) -> list[str]:
    """One line as a list of words, without comment and ``NAME=value`` in front."""
    line = re.sub(r'^\w+=\$\((.+)\)$', r'\1', line)  # path=$(COMMAND)
    split = shlex.split(line, comments=True)
    while split and re.fullmatch(r'[A-Z_]+=\S*', split[0]):
        split.pop(0)
    return split


def all_lines(page: str) -> list[tuple[str, list[str]]]:
    """(where, words) of every command of a page that is not shown to end in an error."""
    return [
        (block.name, found)
        for block in blocks(page)
        for line in lines(block)
        if (found := words(line)) and not shown_error(block, line)
    ]


def inline(page: str) -> list[str]:
    """Commands within the sentences of a page: `tools/NAME.py ...`."""
    prose = FENCE.sub('', PAGES[page].read_text())
    return re.findall(r'`((?:[A-Z_]+=\S+ )?tools/[^`]+|mmdeeplab [a-z][^`]*)`', prose)
