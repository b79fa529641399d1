"""The keys that the dicts of a config may have, by their class or by their place."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, LogProcessor, Runner
from torch.utils.data import DataLoader

from mmdeeplab.config.registered import arguments, find_class, parameter, place
from mmdeeplab.errors import UserError

HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')
# Keys of a config that the Runner or a command reads besides the Runner's own arguments.
OPTIONAL = (
    *('runner_type', 'custom_imports', 'extra_keys', 'vis_backends'),
    *('model_wrapper_cfg', 'sync_bn', 'find_unused_parameters', 'activation_checkpointing'),
    *('efficient_conv_bn_eval', 'compile', 'tta_model', 'tta_pipeline'),
    *('crf', 'non_finite', 'finetune', 'check_data', 'bn_policy', 'early_stopping'),
    *('channels_last', 'recompute'),
    *('protocols', 'published', 'auto_class_weight'),
)
# What a builder takes out before the class sees it, by the last key of the path.
BUILDERS: dict[str, tuple[str, ...]] = {
    'optim_wrapper': ('optimizer', 'constructor', 'paramwise_cfg'),
    'param_scheduler': ('convert_to_iter_based',),
    'custom_hooks': ('priority',),
    'init_cfg': ('override', 'layer'),
    'override': ('name', 'layer'),
    'norm_cfg': ('requires_grad',),
    'visualizer': ('name', 'save_dir'),
    'vis_backends': ('name', 'save_dir'),
}


def _of(*functions: Callable) -> frozenset[str]:
    parameters = (inspect.signature(function).parameters for function in functions)
    return frozenset().union(*parameters) - {'self', 'args', 'kwargs', 'runner', 'dataloader'}


LOADER = frozenset(
    {'dataset', 'worker_init_fn', 'num_batch_per_epoch', 'disable_subprocess_warning'}
)
PARAMWISE = (
    *('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult'),
    *('flat_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'),
)
CLIP = _of(torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_) - {'parameters'}
# One of these replaces what a base says: mmdeeplab.config.loops.choose_loop.
LENGTHS = ('by_epoch', 'max_epochs', 'max_iters')
CRF = ('bi_w', 'bi_xy_std', 'bi_rgb_std', 'pos_w', 'pos_xy_std', 'iterations')
PUBLISHED = (
    *('batch', 'crop', 'lr', 'schedule', 'iters', 'output_stride', 'bn', 'split', 'images'),
    *('val_images', 'pretrained', 'protocol'),
)
# Dicts without a ``type``: a pattern of their whole path, and their keys.
PLACES: Sequence[tuple[str, frozenset[str]]] = [
    (pattern, frozenset(keys))
    for pattern, keys in (
        (r'(train|val|test)_dataloader', LOADER | _of(DataLoader.__init__)),
        (r'train_cfg', _of(IterBasedTrainLoop, EpochBasedTrainLoop)),
        (r'(val|test)_cfg', {'fp16'}),
        (r'optim_wrapper', {'accumulative_counts', 'clip_grad'}),
        (r'(.*\.)?clip_grad', CLIP | {'type'}),
        (r'optim_wrapper\.paramwise_cfg', PARAMWISE),
        (r'optim_wrapper\.paramwise_cfg\.custom_keys\..*', {'lr_mult', 'decay_mult'}),
        (r'auto_scale_lr', {'enable', 'base_batch_size'}),
        (r'env_cfg', {'cudnn_benchmark', 'allow_tf32', 'mp_cfg', 'dist_cfg', 'resource_limit'}),
        (r'env_cfg\.mp_cfg', {'mp_start_method', 'opencv_num_threads'}),
        (
            r'env_cfg\.dist_cfg',
            {'backend', 'timeout', 'init_backend', *_of(torch.distributed.init_process_group)},
        ),
        (r'randomness', _of(Runner.set_randomness)),
        (r'log_processor', _of(LogProcessor.__init__)),
        (r'default_hooks', {*HOOKS, 'visualization'}),
        (r'model_wrapper_cfg', arguments(MMDistributedDataParallel) or ()),
        (r'custom_imports', {'imports', 'allow_failed_imports'}),
        (r'(.*\.)?metainfo', {'classes', 'palette', 'dataset_type', 'task_name', 'label_map'}),
        (r'(.*\.)?data_prefix', {'img_path', 'img_path2', 'seg_map_path', 'depth_map_path'}),
        (r'compile', _of(torch.compile) - {'model'}),
        (r'crf', {'published', *CRF}),
        (r'non_finite', {'patience'}),
        (r'finetune', {'min_backbone'}),
        (r'check_data', {'allow'}),
        (r'early_stopping', {'monitor', 'patience', 'min_delta'}),
        (r'protocols\.[^.]*', {'pipeline', 'test_size'}),
        (r'published', {*PUBLISHED, 'mIoU', 'source'}),
    )
]
# The functions that take some of them, from which the types of values are known.
READERS: Sequence[tuple[str, Callable]] = [
    (r'(train|val|test)_dataloader', DataLoader),
    (r'randomness', Runner.set_randomness),
    (r'log_processor', LogProcessor),
]
SETTING = re.compile(r'cfg(?:\.get\(|\[)[\'"](\w+)|cfg\.(\w+)\b(?!\()')
RUNNER = _of(Runner.__init__) - {'cfg'}


def keys_of(
    path: Sequence[str], node: Mapping[str, Any], owner: Mapping[str, Any] = {}
) -> frozenset[str] | None:
    """The keys that the dict ``node`` at ``path`` in ``owner`` may have; None if it may have any.

    Raises:
        UserError: Its ``type`` names no class.
    """
    if not path:
        return RUNNER | set(OPTIONAL) | set(node.get('extra_keys') or ())
    dotted_path = '.'.join(path)
    if node.get('type') is not None and path[-1] != 'clip_grad':
        argument_names = arguments(find_class(node['type'], path, node.get('_scope_')))
        return None if argument_names is None else argument_names | _built(path)
    if dotted_path == 'optim_wrapper.paramwise_cfg' and owner.get('constructor'):
        return _read_by(find_class(owner['constructor'], ('optim_wrapper', 'constructor')))
    if re.fullmatch(r'(model|tta_model)(\.module)*\.(train|test)_cfg', dotted_path):
        own = ('mode', 'stride', 'crop_size') if path[-1] == 'test_cfg' else ()
        return frozenset(own).union(*map(_of_settings, _classes(owner, path[:-1])))
    key_sets = [keys for pattern, keys in PLACES if re.fullmatch(pattern, dotted_path)]
    return key_sets[0] | _built(path) if key_sets else None


def _classes(node: object, path: Sequence[str]) -> Iterator[Any]:
    """The classes of all dicts below ``node``, which is at ``path``, that name one."""
    items: Any = node.items() if isinstance(node, Mapping) else ()
    if isinstance(node, (list, tuple)):
        items = enumerate(node)
    for key, value in items:
        yield from _classes(value, (*path, str(key)))
    if isinstance(node, Mapping) and node.get('type') is not None:
        with suppress(UserError):  # reported where it stands
            yield find_class(node['type'], path, node.get('_scope_'))


@cache
def _of_settings(cls: Any) -> frozenset[str]:
    """Keys of ``train_cfg`` and ``test_cfg`` that the source of a class reads."""
    if cls.__module__.startswith('mmdeeplab.') or not inspect.isclass(cls):
        return frozenset()
    found: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.partition('.')[0] not in ('torch', 'mmengine', 'builtins'):
            with suppress(OSError, TypeError):
                found.update(*SETTING.findall(inspect.getsource(base)))
    return frozenset(found - {'', *('mode', 'stride', 'crop_size')})


def _read_by(constructor: Any) -> frozenset[str] | None:
    """Keys of ``paramwise_cfg`` that a constructor may read: words in its source; None: any."""
    try:
        sources = [inspect.getsource(cls) for cls in constructor.__mro__[:-1]]
    except (OSError, TypeError):
        return None
    return frozenset(re.findall(r'[\'"](\w+)[\'"]', '\n'.join(sources))) | frozenset(PARAMWISE)


def default_of(path: Sequence[str], node: Mapping[str, Any], key: str) -> inspect.Parameter | None:
    """The parameter ``key`` of the class or function that takes the dict ``node`` at ``path``.

    None if it is not known.
    """
    if node.get('type') is not None and path[-1] != 'clip_grad':
        return parameter(find_class(node['type'], path, node.get('_scope_')), key)
    dotted_path = '.'.join(path)
    readers = [reader for pattern, reader in READERS if re.fullmatch(pattern, dotted_path)]
    return parameter(readers[0], key) if readers else None


def _built(path: Sequence[str]) -> frozenset[str]:
    lengths = LENGTHS if tuple(path) == ('train_cfg',) else ()
    return frozenset({'type', '_scope_', *lengths, *BUILDERS.get(place(path), ())})
