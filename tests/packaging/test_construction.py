"""Objects are made whole by their constructors, called so that a reader sees what is what."""

import ast
from collections.abc import Callable, Iterator

import pytest
from places import ROOT

TREES = {
    path.relative_to(ROOT): ast.parse(path.read_text(encoding='utf-8'))
    for path in sorted((ROOT / 'mmdeeplab').rglob('*.py'))
}
CLASSES = {
    node.name
    for tree in TREES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.ClassDef)
}
BEHAVIOUR = {'__class__', 'forward'}
POSITIONAL = 4


def changed_behaviour(tree: ast.AST) -> Iterator[int]:
    """Lines that assign a class or a forward pass to an object that exists."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if node.attr in BEHAVIOUR:
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.args[1] if node.func.id == 'setattr' else None
            if isinstance(name, ast.Constant) and name.value in BEHAVIOUR:
                yield node.lineno


def constructed(call: ast.Call, classes: set[str]) -> str:
    """The class of ours that a call constructs an object of, or ''."""
    match call.func:
        case ast.Name(id='cls'):
            return 'cls'
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in classes:
            return name
        case ast.Attribute(value=ast.Call(func=ast.Name(id='super')), attr='__init__'):
            return 'super().__init__'
    return ''


def long_calls(tree: ast.AST, classes: set[str] = CLASSES) -> Iterator[str]:
    """Constructor calls with more than four arguments that no keyword names; rows are whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := constructed(node, classes)):
            single = [value for value in node.args if not isinstance(value, ast.Starred)]
            if len(single) > POSITIONAL:
                yield f'{node.lineno}: {name}'


def test_the_checks_find_what_they_look_for() -> None:
    source = (
        "class Part: ...\nnorm.__class__ = Part\npart.forward = f\nsetattr(part, 'forward', f)\n"
        'self.a, part.forward = 1, f\nPart(1, 2, 3, 4)\nPart(1, 2, 3, 4, 5)\nother.forward()\n'
    )
    tree = ast.parse(source)
    assert sorted(changed_behaviour(tree)) == [2, 3, 4, 5]
    assert list(long_calls(tree, {'Part'})) == ['7: Part']
    assert len(TREES) > 250
    assert {'Xception', 'SegmentorWrapper'} <= CLASSES


@pytest.mark.parametrize('find', [changed_behaviour, long_calls])
def test_nothing_is_changed_after_it_was_built(find: Callable[[ast.AST], Iterator]) -> None:
    places = [f'{path}:{line}' for path, tree in TREES.items() for line in find(tree)]
    assert places == []
