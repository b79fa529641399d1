"""Every argument that a registered class of ours takes, its bases' included, is read somewhere."""

import ast
import inspect
import textwrap
from collections.abc import Iterator

import pytest
from mmengine.registry import Registry
from torch import nn

from mmdeeplab import registry


def classes() -> list[type]:
    """All that our registries hold."""
    found: dict[type, None] = {}
    for each in vars(registry).values():
        if isinstance(each, Registry) and each.scope == 'mmdeeplab':
            each.import_from_location()
            found |= dict.fromkeys(c for c in each.module_dict.values() if inspect.isclass(c))
    return list(found)


def constructors(cls: type) -> Iterator[tuple[str, inspect.Signature, ast.AST]]:
    """Those through which keyword arguments travel."""
    for base in cls.__mro__:
        if base in (object, nn.Module) or '__init__' not in vars(base):
            continue
        function = vars(base)['__init__']
        signature = inspect.signature(function)
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError):  # of C, or made by a decorator
            return
        yield base.__name__, signature, ast.parse(textwrap.dedent(source))
        kinds = [parameter.kind for parameter in signature.parameters.values()]
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return


def test_there_are_classes() -> None:
    assert len(classes()) > 40


@pytest.mark.parametrize('cls', classes(), ids=lambda cls: cls.__name__)
def test_no_constructor_drops_an_argument(cls: type) -> None:
    for base, signature, tree in constructors(cls):
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        read = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        names = [p.name for p in signature.parameters.values() if p.kind is not p.VAR_POSITIONAL]
        assert {name for name in names if name != 'self'} <= read, base
