"""Write a config in MMEngine's new style: with classes, which it imports, in the place of names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeeplab.config.registered import find_class


class Word:
    """Stands in the file as it is, without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def write_new_style(cfg: Config, file: Path) -> int:
    """Write ``cfg`` into ``file``; return how many classes it imports."""
    imports: set[str] = set()
    data = with_classes(cfg.to_dict(), (), imports)
    settings = [f'{key} = {value!r}' for key, value in data.items() if key != 'custom_imports']
    start = 'from mmengine.config import read_base  # tells MMEngine of the new style'
    file.write_text('\n'.join([start, *sorted(imports), *settings]) + '\n')
    return len(imports)


def with_classes(node: Any, path: Sequence[str], imports: set[str]) -> Any:
    """``node`` with classes as its types; ``imports`` gets their lines."""
    if isinstance(node, (list, tuple)):
        return type(node)(with_classes(x, [*path, str(i)], imports) for i, x in enumerate(node))
    if not isinstance(node, Mapping):
        return node
    new = {str(key): with_classes(x, [*path, str(key)], imports) for key, x in node.items()}
    if isinstance(node.get('type'), str) and path[-1:] != ['clip_grad']:
        cls: Any = find_class(node['type'], path, node.get('_scope_'))
        alias = f'{cls.__name__}_of_{cls.__module__.partition(".")[0]}'  # some share their names
        imports.add(f'from {cls.__module__} import {cls.__name__} as {alias}')
        new['type'] = Word(alias)
    return new
