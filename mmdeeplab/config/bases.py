"""Find the files of a config, itself and its bases, and check each before it is used."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import read_text

BASE = '_base_'
BASE_VALUE = re.compile(r'\{\{\s*_base_\.([\w.]+)\s*\}\}')
SUBSTITUTION = re.compile(r'\{\{\s*[\'"]?\s*(\$\w+|file\w+)')
LARGEST = 100_000  # values in a config; aliases can unfold to any number
DATA = ('.yaml', '.yml', '.json')
OWN_IMPORTS = {'mmdeeplab', 'mmdeeplab.checkpoint.mmengine_loader'}


class PlainLoader(yaml.SafeLoader):
    """A YAML loader for plain values, and for the tuples that ``Config.dump`` writes."""


PlainLoader.add_constructor(
    'tag:yaml.org,2002:python/tuple',
    lambda loader, node: loader.construct_sequence(node, deep=True),
)


def chain(path: Path, seen: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The config file ``path`` and the files that it inherits from; each has been checked."""
    text = read_text(path, 'config')
    if path.resolve() in seen:
        raise UserError(f'the config {path} inherits from itself')
    if match := SUBSTITUTION.search(text):
        raise UserError(
            f'the config {path} substitutes {match[1]}: names are not pasted into configs; '
            'a Python config can use os.environ and pathlib'
        )
    yield path
    is_data = path.suffix in DATA
    for base in _data_bases(path, text) if is_data else _python_bases(path, text):
        if is_data and Path(base).suffix not in DATA:
            raise UserError(f'the config {path} is data and cannot inherit from the code in {base}')
        if '::' not in base:
            yield from chain(path.parent / base, (*seen, path.resolve()))


def parse_data(path: Path, text: str) -> dict[Any, Any]:
    """The content of a YAML or JSON file, with a placeholder for each value of its bases.

    Raises:
        UserError: It does not parse, or holds no keys.
    """
    text = BASE_VALUE.sub('"base value"', text)
    try:
        content = json.loads(text) if path.suffix == '.json' else yaml.load(text, PlainLoader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f'the config {path} is not plain {path.suffix[1:]}: {error}') from error
    if not isinstance(content, dict):
        raise UserError(f'the config {path} holds no keys')
    return content


def _data_bases(path: Path, text: str) -> list[str]:
    """Parse a YAML or JSON file with a safe reader; return its bases."""
    content = parse_data(path, text)
    if _count(content, {}) > LARGEST:
        raise UserError(f'the config {path} unfolds to more than {LARGEST} values')
    custom_imports = content.get('custom_imports') or {}
    is_dict = isinstance(custom_imports, dict)
    imports = (custom_imports.get('imports') if is_dict else custom_imports) or []
    if set(map(str, imports if isinstance(imports, list) else [imports])) - OWN_IMPORTS:
        raise UserError(f'the config {path} is data and cannot import modules: {imports}')
    return _base_list(path, content.get(BASE, []))


def _base_list(path: Path, bases: object) -> list[str]:
    """The value of ``_base_`` as a list.

    Raises:
        UserError: It is neither a file nor a list of files.
    """
    names = [bases] if isinstance(bases, str) else bases
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f'the config {path}: {BASE} is a file or a list of files, got {bases!r}')
    return names


def _count(node: object, counts: dict[int, int]) -> int:
    """Number of values below ``node``; a YAML anchor counts each time it is used."""
    if not isinstance(node, (dict, list)):
        return 1
    if id(node) not in counts:
        counts[id(node)] = 0  # for values that contain themselves
        items = node.values() if isinstance(node, dict) else node
        counts[id(node)] = 1 + sum(_count(item, counts) for item in items)
    return counts[id(node)]


def _python_bases(path: Path, text: str) -> list[str]:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise UserError(f'the config {path} cannot be read: {reason}') from error
    for statement in body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], 'id', '') == BASE:
            try:
                bases = ast.literal_eval(statement.value)
            except (ValueError, TypeError):  # not a literal: MMEngine reports it
                return []
            return _base_list(path, bases)
    return []
