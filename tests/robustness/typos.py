"""Slips of the fingers in keys of configs, in options and in names of classes."""

import random
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmdeeplab.config.load import load_config, quiet_imports
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.shipped import CONFIGS
from mmdeeplab.errors import UserError
from robustness import Outcome

KINDS = ('option', 'file', 'class', 'option', 'file', 'class name')
RIGHT = 0.9  # the share of typos whose suggestion must be the word that was meant


class Place(NamedTuple):
    """A key in a config: its file, its path, its value, and the keys that would be right too."""

    config: Path
    path: tuple[str, ...]
    value: Any
    legal: frozenset[str]


def run(n: int, folder: Path) -> Outcome:
    """Make ``n`` typos; each must be refused by a sentence, most of them with the right word."""
    quiet_imports()
    leaves = sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('ablation/*.py')])
    leaves = random.sample(leaves, min(len(leaves), max(n // 5, 1)))
    places = [place for config in leaves for place in _places(config)]
    failures, wrong = [], []
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        attempt = _class_name(folder) if kind == 'class name' else _try(kind, places, folder)
        word, typo, refused = attempt
        if refused is None or refused.startswith('crash'):
            failures.append(f'{kind} {typo} for {word}: {refused or "accepted"}')
        elif f'did you mean {word}?' not in refused:
            wrong.append(f'{kind} {typo} for {word}: {refused}')
    print(f'the right word was suggested for {n - len(failures) - len(wrong)} of {n} typos')
    if len(wrong) + len(failures) > (1 - RIGHT) * n:
        failures += wrong
    return Outcome(n, n - len(failures), failures)


def _try(kind: str, places: list[Place], folder: Path) -> tuple[str, str, str | None]:
    """One typo in a random place: the word, the typo and the sentence that refused it."""
    while True:
        place = random.choice(places)
        listed = any(key.isdigit() for key in place.path)
        dotted = '.' in ''.join(place.path)
        if kind == 'class':
            if place.path[-1] == 'type':
                word, typo = place.value, mistype(place.value)
                option = f'{".".join(place.path)}={typo}'
                return word, typo, refusal(place.config, [option])
        elif len(place.path[-1]) > 1 and not dotted and not (listed and kind == 'file'):
            word = place.path[-1]
            typo = mistype(word)
            if typo not in place.legal:
                break
    path = (*place.path[:-1], typo)
    where = '.'.join(path)
    if kind == 'option':
        return word, where, refusal(place.config, [f'{where}={place.value}'.replace(' ', '')])
    child = folder / 'typo.py'
    value = place.value
    for key in reversed(path[1:]):
        value = {key: value}
    child.write_text(f'_base_ = {str(place.config)!r}\n{path[0]} = {value!r}\n')
    return word, where, refusal(child, [])


def mistype(word: str) -> str:
    """Drop, double or replace a letter, or swap two neighbours."""
    while True:
        i = random.randrange(len(word))
        typo = random.choice(
            (
                word[:i] + word[i + 1 :],
                word[:i] + word[i] + word[i:],
                word[:i] + random.choice(string.ascii_lowercase) + word[i + 1 :],
                word[:i] + word[i : i + 2][::-1] + word[i + 2 :],
            )
        )
        if typo != word and typo.replace('.', '_').isidentifier():
            return typo


def refusal(config: Path, options: list[str]) -> str | None:
    """The sentence by which a config is refused; None when it is accepted."""
    try:
        load_config(str(config), ConfigOptions(options))
    except UserError as error:
        return str(error)
    except Exception as error:
        return f'crash: {error!r}'
    return None


def _class_name(folder: Path) -> tuple[str, str, str | None]:
    """A typo in one of the names that a config gives to the classes of classes.txt."""
    from mmdeeplab.datasets.voc_folder import VOCFolderDataset
    from mmdeeplab.visualization.voc_palette import VOC_CLASSES

    (folder / 'classes.txt').write_text('\n'.join(VOC_CLASSES))
    names = list(VOC_CLASSES)
    i = random.randrange(len(names))
    names[i] = mistype(names[i])
    try:
        VOCFolderDataset(str(folder), 'train', metainfo=dict(classes=names), lazy_init=True)
    except UserError as error:
        return VOC_CLASSES[i], names[i], str(error)
    return VOC_CLASSES[i], names[i], None


def _places(config: Path) -> Iterator[Place]:
    from mmengine.config import Config

    from mmdeeplab.config.known_keys import keys_of
    from mmdeeplab.config.read import read_config

    def walk(path: tuple[str, ...], node: object) -> Iterator[Place]:
        if isinstance(node, Mapping):
            legal = keys_of(path, node)
            for key, value in node.items():
                if legal is not None:
                    plain = Config(dict(v=value)).to_dict()['v']
                    yield Place(config, (*path, str(key)), plain, legal)
                yield from walk((*path, str(key)), value)
        elif isinstance(node, (list, tuple)):
            for i, item in enumerate(node):
                yield from walk((*path, str(i)), item)

    return walk((), read_config(config)[0]._cfg_dict)
