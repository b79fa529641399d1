"""Child registries of MMEngine's root, scope ``mmdeeplab``.

A config names our parts as ``mmdeeplab.X`` and mmsegmentation's by their bare name
(``default_scope = 'mmseg'``). ``locations`` lets a registry import its parts by itself the first
time one is asked for, so ``import mmdeeplab`` stays cheap.
"""

from mmengine import registry as root
from mmengine.registry import Registry


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope='mmdeeplab', locations=list(locations))


def is_ours(config_type: object, name: str) -> bool:
    """Whether the ``type`` of a dict in a config names one of our classes.

    Args:
        config_type: The type: ``'NAME'``, ``'mmdeeplab.NAME'`` or a class.
        name: Name of our class.
    """
    if isinstance(config_type, type):
        return config_type.__name__ == name and config_type.__module__.startswith('mmdeeplab.')
    return config_type in (name, f'mmdeeplab.{name}')


MODELS = _child(
    'model',
    root.MODELS,
    'mmdeeplab.models.backbones',
    'mmdeeplab.models.necks',
    'mmdeeplab.models.decode_heads',
    'mmdeeplab.models.losses',
    'mmdeeplab.models.segmentors',
    'mmdeeplab.models.data_preprocessor',
    'mmdeeplab.inference.multi_scale',
    'mmdeeplab.inference.sliding',
    'mmdeeplab.inference.crf_model',
)
DATASETS = _child('dataset', root.DATASETS, 'mmdeeplab.datasets.voc_folder')
DATA_SAMPLERS = _child('data sampler', root.DATA_SAMPLERS, 'mmdeeplab.datasets.samplers')
TRANSFORMS = _child('transform', root.TRANSFORMS, 'mmdeeplab.datasets.transforms')
METRICS = _child('metric', root.METRICS, 'mmdeeplab.evaluation.metric')
HOOKS = _child('hook', root.HOOKS, 'mmdeeplab.engine.hooks.table')
OPTIM_WRAPPERS = _child('optim_wrapper', root.OPTIM_WRAPPERS, 'mmdeeplab.engine.optim.amp')
LOOPS = _child('loop', root.LOOPS, 'mmdeeplab.engine.loops')
RUNNERS = _child('runner', root.RUNNERS, 'mmdeeplab.engine.runner')
VISBACKENDS = _child('vis_backend', root.VISBACKENDS, 'mmdeeplab.engine.log_files')
