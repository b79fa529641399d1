"""The packages of mmdeeplab and their order: imports go down, never back up, never in a circle."""

import ast
import itertools
import re
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / 'mmdeeplab'
GROUND = '(modules of the package itself)'
# From the top down; a package may import those behind it. CONTRIBUTING says what lives in each.
PACKAGES = (
    *('cli', 'serve', 'export', 'engine', 'report', 'inference', 'weights', 'datasets', 'config'),
    *('models', 'checkpoint', 'visualization', 'evaluation', 'fileio', GROUND),
)
FILES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted(PACKAGE.rglob('*.py'))
}


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f'{path}: write the whole name of a module'
            found |= {
                name if (name := f'{node.module}.{alias.name}') in FILES else node.module
                for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & FILES.keys()


IMPORTS = {name: imported(path) for name, path in FILES.items()}


def package_of(module: str) -> str:
    """The package that a module lies in."""
    first = module.split('.')[1]
    return first if (PACKAGE / first).is_dir() else GROUND


def test_packages_are_few_and_none_is_crowded() -> None:
    packages = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert packages == set(PACKAGES) - {GROUND}
    assert len(packages) <= 14
    folders = {path.parent for path in FILES.values()}
    assert len(folders) > 20
    assert {str(f): n for f in folders if (n := len(list(f.glob('*.py')))) > 20} == {}


def test_contributing_has_a_line_for_every_package_in_this_order() -> None:
    page = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    table = page.split('\n## Map\n')[1].split('\n## ')[0]
    names = re.findall(r'^\| `([\w/]+)` \| \S', table, re.M)
    folders = {path.parent.relative_to(PACKAGE).as_posix() for path in FILES.values()}
    assert len(names) == len(set(names)) > 30
    assert set(names) == folders - {'.'}
    tops = [name for name in names if '/' not in name]
    assert tops == [name for name in PACKAGES if name != GROUND]


@pytest.mark.parametrize('name', PACKAGES)
def test_imports_go_down(name: str) -> None:
    level = PACKAGES.index(name)
    modules = [m for m in FILES if m != 'mmdeeplab' and package_of(m) == name]
    assert modules
    up = [
        f'{module} imports {other}'
        for module in modules
        for other in sorted(IMPORTS[module])
        if other == 'mmdeeplab' or PACKAGES.index(package_of(other)) < level
    ]
    assert up == []


def test_no_circle() -> None:
    """Take away modules that import nothing that is left, until none is."""
    left = {name: IMPORTS[name] - {name} for name in FILES if name != 'mmdeeplab'}
    while leaves := [name for name, others in left.items() if not others & left.keys()]:
        for name in leaves:
            del left[name]
    assert left == {}


def test_the_package_itself_loads_its_parts_when_asked() -> None:
    """``import mmdeeplab`` is cheap: what it hands on stands in functions."""
    body = ast.parse(FILES['mmdeeplab'].read_text(encoding='utf-8')).body
    direct = itertools.chain.from_iterable(
        [node.module] for node in body if isinstance(node, ast.ImportFrom)
    )
    assert list(direct) == ['mmdeeplab.version']
