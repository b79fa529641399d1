"""Find out whether the user or a base of the config wrote an argument."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdeeplab.config.bases import parse_data

DELETE = '_delete_'


class Sources:
    """The files of a config and the options of the command line.

    Args:
        files: The config file and its bases, from :func:`mmdeeplab.config.bases.chain`; the first
            overrides the others.
        options: Values of ``--cfg-options`` by dotted path.
    """

    def __init__(self, files: Sequence[Path] = (), options: Mapping[str, object] = {}) -> None:
        self.files = files
        self.options = options

    def inherited(self, path: Sequence[str], key: str, class_name: str) -> bool:
        """Whether the file that names ``class_name`` at ``path`` does not contain ``key``.

        The argument then comes from a base, where it was meant for another class.
        """
        dotted_path = '.'.join(path)
        if f'{dotted_path}.type' in self.options:
            return not any(f'{o}.'.startswith(f'{dotted_path}.{key}.') for o in self.options)
        for value in self.options.values():
            if class_name in _names(value):
                return key not in _names(value)
        written: set[str] = set()  # a file may add an argument to a class that its base names
        for file in self.files:
            names = _written(file)
            written |= names
            if class_name in names:
                return key not in written
        return False

    def way_out(self, path: Sequence[str]) -> str:
        """The advice how to drop the inherited arguments of the dict at ``path``."""
        dotted_path = '.'.join(path)
        if f'{dotted_path}.type' in self.options:
            return f'it was inherited; {dotted_path}.{DELETE}=True beside the type drops what was'
        return f'it is inherited from a base; {DELETE}=True beside the type drops what is'


def _written(file: Path) -> set[str]:
    """All names and strings in a config file: keys, arguments, classes."""
    try:
        text = file.read_text('utf-8')
        if file.suffix == '.py':
            nodes = list(ast.walk(ast.parse(text)))
            texts = {n.value for n in nodes if isinstance(n, ast.Constant)}
            keywords = {n.arg for n in nodes if isinstance(n, ast.keyword)}
            names = {n.id for n in nodes if isinstance(n, ast.Name)}
            return {str(name) for name in texts | keywords | names}
        return _names(parse_data(file, text))
    except (OSError, ValueError, SyntaxError):
        return set()  # reading the config reports the error


def _names(node: object) -> set[str]:
    if isinstance(node, Mapping):
        return {*map(str, node)}.union(*map(_names, node.values()))
    if isinstance(node, (list, tuple)):
        return set().union(*map(_names, node))
    return {str(node)}
