"""Read config files: data formats run nothing, and every top-level name has a purpose."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from mmdeeplab.config.known_keys import keys_of
from mmdeeplab.errors import UserError, did_you_mean, edits
from mmdeeplab.fileio.input_files import read_text

BASE = '_base_'
BASE_VALUE = re.compile(r'\{\{\s*_base_\.([\w.]+)\s*\}\}')
SUBSTITUTION = re.compile(r'\{\{\s*[\'"]?\s*(\$\w+|file\w+)')
SLIP = 2  # letters by which a mistyped key differs
LARGEST = 100_000  # values in a config; aliases can unfold to any number
DATA = ('.yaml', '.yml', '.json')
OWN_IMPORTS = {'mmdeeplab', 'mmdeeplab.checkpoint.mmengine_loader'}


class PlainLoader(yaml.SafeLoader):
    """YAML's own kinds of values, and the tuples that ``Config.dump`` writes."""


PlainLoader.add_constructor(
    'tag:yaml.org,2002:python/tuple',
    lambda loader, node: loader.construct_sequence(node, deep=True),
)


def read_config(path: str | Path) -> tuple[Config, dict[str, Any]]:
    """Read a config file and its bases.

    A ``.py`` is code by design and is executed. ``.yaml`` and ``.json`` are data: tags, modules to
    import and Python bases are refused. Nothing is substituted into the text of a file, neither
    environment variables nor names of files (``{{ _base_.key }}`` stays: it is looked up).

    Returns:
        The config, and the helper variables of its files, which the config no longer has.

    Raises:
        UserError: A file that cannot be read, or a top-level name without a purpose.
    """
    files = list(chain(Path(path)))
    try:
        cfg = _parse(path)
        import_modules(cfg.get('custom_imports') or {})
    except UserError:
        raise
    except Exception as error:
        raise UserError(f'the config {path} cannot be read: {error}') from error
    known = keys_of((), cfg) or frozenset()
    helpers = {name: cfg[name] for name in list(cfg) if name not in known}
    _check_helpers(helpers, files, known)
    for name in helpers:
        cfg.pop(name)
    return cfg, helpers


def _parse(path: str | Path) -> Config:
    return Config.fromfile(
        str(path),
        use_predefined_variables=False,
        use_environment_variables=False,
        import_custom_modules=False,
    )


def import_modules(imports: dict[str, Any]) -> None:
    """Import what a config's ``custom_imports`` names.

    Raises:
        UserError: A key that is not known.
    """
    known = keys_of(('custom_imports',), imports) or frozenset()
    for key in imports.keys() - known:
        raise UserError(f'custom_imports.{key} is not a key{did_you_mean(key, known)}')
    if imports:
        import_modules_from_strings(**imports)


def chain(path: Path, seen: tuple[Path, ...] = ()) -> Iterator[Path]:
    """``path`` and the files it inherits from, each checked before anything of it is used."""
    text = read_text(path, 'config')
    if path.resolve() in seen:
        raise UserError(f'the config {path} inherits from itself')
    if match := SUBSTITUTION.search(text):
        raise UserError(
            f'the config {path} substitutes {match[1]}: names are not pasted into configs; '
            'a Python config can use os.environ and pathlib'
        )
    yield path
    data = path.suffix in DATA
    for base in _data_bases(path, text) if data else _python_bases(path, text):
        if data and Path(base).suffix not in DATA:
            raise UserError(f'the config {path} is data and cannot inherit from the code in {base}')
        if '::' not in base:
            yield from chain(path.parent / base, (*seen, path.resolve()))


def _data_bases(path: Path, text: str) -> list[str]:
    """Parse a data format by its safe reader; return its bases."""
    text = BASE_VALUE.sub('"base value"', text)
    try:
        content = json.loads(text) if path.suffix == '.json' else yaml.load(text, PlainLoader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f'the config {path} is not plain {path.suffix[1:]}: {error}') from error
    if not isinstance(content, dict):
        raise UserError(f'the config {path} holds no keys')
    if _count(content, {}) > LARGEST:
        raise UserError(f'the config {path} unfolds to more than {LARGEST} values')
    imports = (content.get('custom_imports') or {}).get('imports') or []
    if set([imports] if isinstance(imports, str) else imports) - OWN_IMPORTS:
        raise UserError(f'the config {path} is data and cannot import modules: {imports}')
    bases = content.get(BASE) or []
    return [bases] if isinstance(bases, str) else list(map(str, bases))


def _count(node: object, known: dict[int, int]) -> int:
    """Values below ``node``, those that stand there several times counted as often."""
    if not isinstance(node, (dict, list)):
        return 1
    if id(node) not in known:
        known[id(node)] = 0  # what holds itself
        items = node.values() if isinstance(node, dict) else node
        known[id(node)] = 1 + sum(_count(item, known) for item in items)
    return known[id(node)]


def _python_bases(path: Path, text: str) -> list[str]:
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise UserError(f'the config {path} cannot be read: {error}') from error
    for line in body:
        if isinstance(line, ast.Assign) and getattr(line.targets[0], 'id', '') == BASE:
            try:
                bases = ast.literal_eval(line.value)
            except ValueError:  # computed: MMEngine will tell
                return []
            return [bases] if isinstance(bases, str) else list(bases)
    return []


def _check_helpers(helpers: dict[str, Any], files: list[Path], known: frozenset[str]) -> None:
    """A name that is no key must be used: in its own file, or as ``_base_.name`` in another.

    Raises:
        UserError: It is used nowhere, or a base made its values before the name was assigned again.
    """
    code = [(path, ast.parse(path.read_text('utf-8'))) for path in files if path.suffix == '.py']
    if any(isinstance(node, ast.With) for _, tree in code for node in tree.body):
        return  # `with read_base():` imports its bases; what they define is not seen here
    from_base = {name for path in files for name in _base_values(path)}
    for path, tree in code:
        stored, loaded = (
            {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
            for context in (ast.Store, ast.Load)
        )
        unused = helpers.keys() & stored - loaded - from_base
        if unused and BASE not in stored:
            unused -= written_out(path, known)
        for name in sorted(unused):
            users = [str(other) for other, tree in code if other != path and _loads(tree, name)]
            why = f'has no effect: what {", ".join(users)} made of it stays; set the keys instead'
            if not users:
                why = f'is not a key of a config{did_you_mean(name, known)}'
            raise UserError(f'{name} in {path} {why}')
    if data := sorted(helpers.keys() - written_out(files[0], known)) if not code else []:
        raise UserError(
            f'{data[0]} in {files[0]} is not a key of a config{did_you_mean(data[0], known)}'
        )


def written_out(path: Path, known: frozenset[str]) -> set[str]:
    """Names in a file that are no keys, but whose values stand in its keys, too.

    ``Config.dump`` writes such files: a config with all its bases, variables included. One whose
    value stands nowhere was changed by hand, and one that is nearly a key is a slip.
    """
    cfg = _parse(path)._cfg_dict
    keys = {key: value for key, value in cfg.items() if key in known}
    return {
        name
        for name, value in cfg.items()
        if name not in known
        and _stands(keys, value)
        and all(edits(name, key) > SLIP for key in known)
    }


def _stands(node: object, value: Any) -> bool:
    """Whether a value, or a dict with all of its items, is below ``node``."""
    children = list(node.values()) if isinstance(node, dict) else node
    if not isinstance(children, (list, tuple)):
        return False
    for child in children:
        part = isinstance(child, dict) and isinstance(value, dict)
        if child == value or (part and value.items() <= child.items()) or _stands(child, value):
            return True
    return False


def _loads(tree: ast.AST, name: str) -> bool:
    names = (n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return any(n.id == name for n in names)


def _base_values(path: Path) -> set[str]:
    """Names that a file takes from its bases by ``{{ _base_.name }}`` or ``_base_.name``."""
    text = path.read_text('utf-8')
    found = BASE_VALUE.findall(text) + re.findall(r'\b_base_\.([\w.]+)', text)
    return {name.split('.')[0] for name in found}
