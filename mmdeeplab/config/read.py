"""Read config files: YAML and JSON execute nothing, and every top-level name must be used."""

import ast
import re
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from mmdeeplab.config.bases import BASE, BASE_VALUE, chain
from mmdeeplab.config.data import SPLITS
from mmdeeplab.config.known_keys import keys_of
from mmdeeplab.config.new_style import with_names
from mmdeeplab.errors import UserError, did_you_mean, edits

UNREAD = ', and nothing in the files reads it: use it in a key, or leave it out'
SLIP = 2  # edit distance up to which a name is taken for a misspelt key


def read_config(path: str | Path) -> tuple[Config, dict[str, Any]]:
    """Read a config file and its bases.

    A ``.py`` file is code and is executed. ``.yaml`` and ``.json`` are data: tags, modules to
    import and Python bases are refused. Neither environment variables nor file names are
    substituted into the text of a file; only ``{{ _base_.key }}`` is looked up.

    Returns:
        The config, and the helper variables of its files, which are removed from the config.

    Raises:
        UserError: A file cannot be read, or a top-level name has no use.
    """
    files = list(chain(Path(path)))
    try:
        cfg = _parse(path)
        import_modules(cfg.get('custom_imports') or {})
    except UserError:
        raise
    except Exception as error:
        raise UserError(f'the config {path} cannot be read: {error}') from error
    known_keys = keys_of((), cfg) or frozenset()
    helpers = {name: cfg[name] for name in list(cfg) if name not in known_keys}
    _check_helpers(helpers, files, known_keys)
    for name in helpers:
        cfg.pop(name)
    return with_names(cfg), helpers


def _parse(path: str | Path) -> Config:
    return Config.fromfile(
        str(path),
        use_predefined_variables=False,
        use_environment_variables=False,
        import_custom_modules=False,
    )


def import_modules(imports: dict[str, Any]) -> None:
    """Import the modules in a config's ``custom_imports``.

    Raises:
        UserError: It is no dict, or has an unknown key.
    """
    if not isinstance(imports, dict):
        raise UserError(f'custom_imports is a dict as dict(imports=["module"]), got {imports!r}')
    known_keys = keys_of(('custom_imports',), imports) or frozenset()
    for key in imports.keys() - known_keys:
        raise UserError(f'custom_imports.{key} is not a key{did_you_mean(key, known_keys)}')
    if imports:
        import_modules_from_strings(**imports)


def _check_helpers(helpers: dict[str, Any], files: list[Path], known_keys: frozenset[str]) -> None:
    """Refuse helper variables, names that are not keys, that have no effect.

    A helper has an effect if its own file uses it, or another file as ``_base_.name``.

    Raises:
        UserError: A name is used nowhere, or it is assigned again after a base has used it.
    """
    trees = [(path, ast.parse(path.read_text('utf-8'))) for path in files if path.suffix == '.py']
    if any(isinstance(node, ast.With) for _, tree in trees for node in tree.body):
        return  # `with read_base():` imports its bases; what they define is not seen here
    from_base = {name for path in files for name in _base_values(path)}
    for path, tree in trees:
        stored, loaded = (
            {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
            for context in (ast.Store, ast.Load)
        )
        unused = helpers.keys() & stored - loaded - from_base
        if unused and BASE not in stored:
            unused -= written_out(path, known_keys)
        for name in sorted(unused):
            users = [other for other, tree in trees if other != path and _loads(tree, name)]
            if users and all(_parse(other).get(name) == helpers[name] for other in users):
                continue  # the same again
            makers = ', '.join(map(str, users))
            why = f'has no effect: what {makers} made of it stays; {instead(name)}'
            if not users:
                hint = did_you_mean(name, known_keys)
                why = f'is not a key of a config{hint or UNREAD}'
            raise UserError(f'{name} in {path} {why}')
    if data := sorted(helpers.keys() - written_out(files[0], known_keys)) if not trees else []:
        raise UserError(
            f'{data[0]} in {files[0]} is not a key of a config{did_you_mean(data[0], known_keys)}'
        )


def instead(name: str) -> str:
    """The advice what to write instead of a variable that a base has used already."""
    if name == 'data_root':
        keys = ', '.join(f'{split}_dataloader.dataset.data_root' for split in SPLITS)
        return f'give --data-root DIR, or set {keys}'
    return 'set the keys instead'


def written_out(path: Path, known_keys: frozenset[str]) -> set[str]:
    """Names in a file that are not keys, but whose values are found below its keys.

    ``Config.dump`` writes such files: a config with all its bases, helper variables included. If
    the value of a name is found nowhere it was changed by hand; a name that is nearly a key is a
    slip.
    """
    cfg = _parse(path)._cfg_dict
    keys = {key: value for key, value in cfg.items() if key in known_keys}
    return {
        name
        for name, value in cfg.items()
        if name not in known_keys
        and _stands(keys, value)
        and all(edits(name, key) > SLIP for key in known_keys)
    }


def _stands(node: object, value: Any) -> bool:
    """Whether a value, or a dict that contains all of its items, is found below ``node``."""
    children = list(node.values()) if isinstance(node, dict) else node
    if not isinstance(children, (list, tuple)):
        return False
    for child in children:
        is_dict = isinstance(child, dict) and isinstance(value, dict)
        if child == value or (is_dict and value.items() <= child.items()) or _stands(child, value):
            return True
    return False


def _loads(tree: ast.AST, name: str) -> bool:
    names = (n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return any(n.id == name for n in names)


def _base_values(path: Path) -> set[str]:
    """Names that a file uses from its bases, by ``{{ _base_.name }}`` or ``_base_.name``."""
    text = path.read_text('utf-8')
    references = BASE_VALUE.findall(text) + re.findall(r'\b_base_\.([\w.]+)', text)
    return {name.split('.')[0] for name in references}
