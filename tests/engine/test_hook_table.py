"""The table of hooks is what is installed, and all of what there is."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import get_priority
from places import ROOT
from robustness.tiny import tiny_runner

import mmdeeplab
from mmdeeplab.cli.main import COMMANDS
from mmdeeplab.engine.hooks.table import CONFIG, RUNNER, TABLE, TEST, TRAIN, USER, Row
from mmdeeplab.errors import UserError


def hooks_of_the_package() -> set[type[Hook]]:
    for module in pkgutil.walk_packages(mmdeeplab.__path__, 'mmdeeplab.'):
        if '.engine.' in module.name or '.models.' in module.name:
            importlib.import_module(module.name)
    left, found = [Hook], set()
    while left:
        below = left.pop().__subclasses__()
        left += below
        found |= {cls for cls in below if cls.__module__.startswith('mmdeeplab.')}
    return found


def test_every_hook_has_one_row() -> None:
    assert {row.hook for row in TABLE} == hooks_of_the_package()
    assert len({row.hook for row in TABLE}) == len(TABLE)
    places = {row.installed.partition(' --')[0] for row in TABLE}
    assert places == {RUNNER, CONFIG, TRAIN, TEST, USER}
    assert all(row.why for row in TABLE)


def test_a_runner_installs_its_rows_in_order(tmp_path: Path) -> None:
    """By priority; hooks of one priority, which run as they were installed, as in the table."""
    runner = tiny_runner(tmp_path, 1, cfg=Config(dict(early_stopping=dict(monitor='mIoU'))))
    wanted = [row.hook for row in TABLE if row.installed == RUNNER]
    found = [type(hook) for hook in runner.hooks if type(hook) in wanted]
    assert len(wanted) > 5
    assert found == sorted(wanted, key=lambda hook: get_priority(hook.priority))


def test_what_the_config_does_not_ask_for_is_not_installed(tmp_path: Path) -> None:
    names = [type(hook).__name__ for hook in tiny_runner(tmp_path, 1).hooks]
    assert 'EarlyStopping' not in names
    assert 'NonFiniteHook' in names
    with pytest.raises(UserError, match='early_stopping takes monitor, patience and min_delta'):
        tiny_runner(tmp_path, 1, cfg=Config(dict(early_stopping=dict(patience=2))))


def test_the_shipped_configs_name_their_rows() -> None:
    cfg = Config.fromfile(ROOT / CONFIG, import_custom_modules=False)
    named = [hook['type'] for hook in [*cfg.default_hooks.values(), *cfg.custom_hooks]]
    own = {name for name in named if name.startswith('mmdeeplab.')}
    assert own == {f'mmdeeplab.{row.hook.__name__}' for row in TABLE if row.installed == CONFIG}


@pytest.mark.parametrize('row', [row for row in TABLE if row.installed.startswith('mmdeeplab ')])
def test_commands_name_their_rows(row: Row) -> None:
    """The file that installs a hook, or what it calls for that, names it and its option."""
    _, command, *options = row.installed.split()
    texts = [path.read_text(encoding='utf-8') for path in (ROOT / 'mmdeeplab').rglob('*.py')]
    assert any(f"type='mmdeeplab.{row.hook.__name__}'" in text for text in texts)
    assert command in COMMANDS
    assert all(any(f"'{option}'" in text for text in texts) for option in options)


def test_a_page_names_those_that_users_install() -> None:
    page = (ROOT / USER).read_text(encoding='utf-8')
    named = set(re.findall(r"type='mmdeeplab\.(\w+Hook)'", page))
    assert named == {row.hook.__name__ for row in TABLE if row.installed == USER}


def test_the_reference_shows_the_table() -> None:
    page = (ROOT / 'docs/reference/running.md').read_text(encoding='utf-8')
    rows = [
        f'| `{row.hook.__name__}` | {row.installed} | {row.hook.priority} | {row.why} |'
        for row in TABLE
    ]
    assert '\n'.join(rows) in page
