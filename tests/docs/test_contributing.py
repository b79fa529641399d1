"""CONTRIBUTING's walks and tables beside the code that they name."""

import ast
import re

import pytest
from places import ROOT

PACKAGE = ROOT / 'mmdeeplab'
PAGE = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
TASKS = (
    *('a backbone', 'a neck', 'a decode head', 'a loss', 'a transform', 'a hook'),
    *('a source of weights', 'an export format', 'a command'),
)


def section(title: str) -> str:
    """The text below a heading."""
    return re.split(rf'^## {re.escape(title)}$', PAGE, flags=re.M)[1].partition('\n## ')[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the rows of a section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[2:]]


def defined(path: str) -> set[str]:
    """Classes, functions and methods (``Class.method``) of a file."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding='utf-8')).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            names |= {node.name, *(f'{node.name}.{method}' for method in methods)}
    return names


WALKED = re.findall(r'`([\w/]+\.py):([\w.]+)`', section('Walks'))


def test_there_are_walks() -> None:
    assert section('Walks').count('\n**A') == 3
    assert len(WALKED) > 35


@pytest.mark.parametrize(('file', 'name'), WALKED)
def test_a_walk_names_what_is_there(file: str, name: str) -> None:
    assert name in defined(f'mmdeeplab/{file}')


@pytest.mark.parametrize('row', rows('Where do I add ...'), ids=lambda row: row[0])
def test_what_is_to_be_added_has_its_files_and_its_test(row: list[str]) -> None:
    what, copy, extend, demanding = row
    assert what in TASKS
    for file in re.findall(r'`([\w/]+\.(?:py|md))`', f'{copy} {extend}'):
        known_folder = file.startswith(('docs/', 'tools/'))
        assert (ROOT / (file if known_folder else f'mmdeeplab/{file}')).is_file(), file
    for table, file in re.findall(r'`([A-Z]+)` in `([\w/]+\.py)`', extend):
        assert re.search(rf'^{table}\b', (PACKAGE / file).read_text(encoding='utf-8'), re.M)
    file, _, name = demanding.strip('`').partition(':')
    assert name in defined(file)


def test_every_task_has_its_row() -> None:
    assert tuple(row[0] for row in rows('Where do I add ...')) == TASKS


def test_own_words_are_few() -> None:
    words = [word for word, _ in rows('Words')]
    assert words == sorted(words)
    assert 0 < len(words) <= 10
