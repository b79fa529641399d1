"""Find the class that a ``type`` names, and the arguments that it takes."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from mmcv.transforms import RandomChoiceResize, RandomResize, Resize
from mmengine import registry
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.model import MomentumAnnealingEMA
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmseg import registry as _  # noqa: F401  its registries, and below ours, join MMEngine's
from torch import nn

from mmdeeplab import registry as __  # noqa: F401
from mmdeeplab.errors import UserError, did_you_mean

DEFAULT_SCOPE = 'mmseg'  # the scope of a bare name
ALL = tuple(root for root in vars(registry).values() if isinstance(root, Registry))
# Key in a config -> the registries that its ``type`` is looked up in.
ROOTS: dict[str, tuple[Registry, ...]] = {
    **dict.fromkeys(('init_cfg', 'override'), (registry.WEIGHT_INITIALIZERS,)),
    'optimizer': (registry.OPTIMIZERS,),
    'optim_wrapper': (registry.OPTIM_WRAPPERS,),
    'constructor': (registry.OPTIM_WRAPPER_CONSTRUCTORS,),
    'param_scheduler': (registry.PARAM_SCHEDULERS,),
    **dict.fromkeys(('sampler', 'batch_sampler'), (registry.DATA_SAMPLERS, registry.TASK_UTILS)),
    **dict.fromkeys(('dataset', 'datasets'), (registry.DATASETS,)),
    **dict.fromkeys(('pipeline', 'transforms', 'tta_pipeline'), (registry.TRANSFORMS,)),
    **dict.fromkeys(('collate_fn', 'worker_init_fn'), (registry.FUNCTIONS,)),
    **dict.fromkeys(
        ('val_evaluator', 'test_evaluator', 'metrics'), (registry.METRICS, registry.EVALUATOR)
    ),
    'custom_hooks': (registry.HOOKS,),
    'visualizer': (registry.VISUALIZERS,),
    'vis_backends': (registry.VISBACKENDS,),
    'log_processor': (registry.LOG_PROCESSORS,),
    'model_wrapper_cfg': (registry.MODEL_WRAPPERS,),
    'runner_type': (registry.RUNNERS,),
}
LOOPS = ('train_cfg', 'val_cfg', 'test_cfg')
# Functions to which a class passes its keyword arguments, other than its base class.
FORWARDS: dict[type, tuple[Callable, ...]] = {
    CheckpointHook: (Runner.save_checkpoint,),
    EMAHook: (MomentumAnnealingEMA.__init__,),  # takes what ExponentialMovingAverage does, too
    RandomResize: (Resize.__init__,),
    RandomChoiceResize: (Resize.__init__,),
}
TRACED = {vars(cls)['__init__'] for cls in FORWARDS if '__init__' in vars(cls)}


def place(path: Sequence[str]) -> str:
    """The key that tells what is at ``path``: the last one that is not an index of a list."""
    names = [name for name in path if not name.isdigit()]
    if len(names) == 2 and names[0] == 'default_hooks':  # whose keys are names
        return 'custom_hooks'
    return names[-1] if names else ''


def roots(path: Sequence[str]) -> tuple[Registry, ...]:
    """The registries in which the ``type`` of the dict at ``path`` is looked up."""
    if len(path) == 1 and path[0] in LOOPS:
        return (registry.LOOPS,)
    if place(path) in ROOTS:
        return ROOTS[place(path)]
    models = path and path[0] in ('model', 'data_preprocessor', 'tta_model')
    return (registry.MODELS,) if models else ALL


def find_class(name: object, path: Sequence[str], scope: object = None) -> Callable:
    """The class that ``type=name`` means at ``path`` in a config; a ``scope`` is tried first.

    Only registered classes are found; a name is never imported.

    Raises:
        UserError: There is no such class.
    """
    if not isinstance(name, str):
        if callable(name):  # a Python config may give the class itself
            return name
        raise UserError(f'{".".join(path)}.type must be the name of a class, got {name!r}')
    classes = names(roots(path))
    if f'{scope}.{name}' in classes:
        return classes[f'{scope}.{name}']
    if name not in classes:
        dotted_path = '.'.join([*path, 'type'])
        raise UserError(f'{dotted_path}: there is no class {name}{did_you_mean(name, classes)}')
    return classes[name]


def names(registries: tuple[Registry, ...]) -> dict[str, Callable]:
    """All classes of some registries by now, by every name for them, with and without scope."""
    classes: dict[str, Callable] = {}
    for root in registries:
        for node in (root, *root.children.values()):
            node.import_from_location()
            for name, cls in node.module_dict.items():
                classes[f'{node.scope}.{name}'] = cls
        for scope in (root.scope, DEFAULT_SCOPE):
            node = root if scope == root.scope else root.children.get(scope)
            classes |= node.module_dict if node else {}
    return classes


@cache
def arguments(cls: Callable) -> frozenset[str] | None:
    """Names of the arguments of ``cls`` and of the bases to which it passes ``**kwargs``.

    None if it takes any.
    """
    taken: set[str] = set()
    hands_on = False
    for function in _constructors(cls):
        if function not in TRACED and passes_on(function):
            return None
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return None
        taken |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        hands_on = any(p.kind is p.VAR_KEYWORD for p in parameters)
        if not hands_on:
            break
    unused = getattr(cls, 'unused_arguments', ())  # of a base class: its bases take them
    return None if hands_on else frozenset(taken - {'self', *unused})


def parameter(cls: Callable, name: str) -> inspect.Parameter | None:
    """The parameter ``name`` of ``cls`` or of a base to which it passes ``**kwargs``, or None."""
    for function in _constructors(cls):
        try:
            argument = inspect.signature(function).parameters.get(name)
        except (TypeError, ValueError):
            return None
        if argument is not None:
            return argument
    return None


def passes_on(function: Callable) -> bool:
    """Whether a constructor passes its ``**kwargs`` to something other than its base class.

    Then any argument may be right, as in mmseg's ``TIMMBackbone``, which passes them to timm.
    """
    code = getattr(function, '__code__', None)
    if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
        return False
    name = code.co_varnames[
        code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
    ]
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return False
    to_base, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == '__init__':
            to_base |= {id(k.value) for k in node.keywords if k.arg is None}
        elif isinstance(node, (ast.Attribute, ast.Subscript)):  # kwargs.get('x'), kwargs['x']
            to_base.add(id(node.value))
        elif isinstance(node, ast.Compare):  # 'x' in kwargs
            to_base |= set(map(id, node.comparators))
        if isinstance(node, ast.Name) and node.id == name:
            used.add(id(node))
    return bool(used - to_base)


def _constructors(cls: Callable) -> Iterator[Callable]:
    """The constructors through which ``**kwargs`` are passed on, from ``cls`` to its bases."""
    if not inspect.isclass(cls):
        yield cls
        return
    for base in cls.__mro__:
        if base is nn.Module:
            yield lambda: None  # it takes none, whatever its signature says
        elif '__init__' in vars(base) and base is not object:
            yield vars(base)['__init__']
        yield from FORWARDS.get(base, ())
