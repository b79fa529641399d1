"""Find the BatchNorm layers of a built model, and replace them by frozen ones or by group norm."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

AnyBatchNorm = TypeVar('AnyBatchNorm', bound=_BatchNorm)


class FrozenBatchNorm(nn.BatchNorm2d):
    """BatchNorm that uses its running statistics in training, too (DeepLabv3, second stage).

    :func:`frozen` also fixes gamma and beta. TF's ``fine_tune_batch_norm=False`` lets these train;
    that is ``norm_eval=True`` of the backbones.
    """

    def train(self, mode: bool = True) -> 'FrozenBatchNorm':
        super().train(False)
        return self


def twin(layer: _BatchNorm, norm_class: type[AnyBatchNorm]) -> AnyBatchNorm:
    """A norm of ``norm_class`` that shares the settings, parameters and buffers of ``layer``."""
    new = norm_class(
        layer.num_features,
        eps=layer.eps,
        momentum=layer.momentum,
        affine=layer.affine,
        track_running_stats=layer.track_running_stats,
    )
    for name, buffer in layer.named_buffers(recurse=False):
        setattr(new, name, buffer)
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(new, name, parameter)
    return new.train(layer.training)


def frozen(layer: _BatchNorm) -> FrozenBatchNorm:
    """A :class:`FrozenBatchNorm` with ``layer``'s parameters and buffers, none of which trains."""
    return twin(layer, FrozenBatchNorm).requires_grad_(False)


def grouped(layer: _BatchNorm) -> nn.GroupNorm:
    """A group norm with ``layer``'s gamma and beta, of up to 32 groups of at least 4 channels."""
    channels = layer.num_features
    divisors = [g for g in (2, 4, 8, 16, 32) if channels % g == 0 and channels >= 4 * g]
    groups = max(divisors, default=1)
    new = nn.GroupNorm(groups, channels, layer.eps, layer.affine)
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(new, name, parameter)
    return new


def replace(model: nn.Module, names: Iterable[str], make: Callable) -> None:
    """Replace each of the named layers of a model by ``make(layer)``."""
    for name in names:
        parent, _, leaf = name.rpartition('.')
        setattr(model.get_submodule(parent), leaf, make(model.get_submodule(name)))


def norm_layers(model: nn.Module) -> dict[str, _BatchNorm]:
    """All BatchNorm layers of the model, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, _BatchNorm)}


def trained_layers(model: nn.Module) -> list[str]:
    """Names of the BatchNorm layers outside modules that ``norm_eval=True`` freezes."""
    still = {
        f'{name}.{inner}'
        for name, module in model.named_modules()
        if getattr(module, 'norm_eval', False)
        for inner in norm_layers(module)
    }
    return [name for name in norm_layers(model) if name not in still]


def match_norm(model: nn.Module, state: Mapping[str, Tensor]) -> int:
    """Replace BatchNorm by group norm where a checkpoint's ``state`` has no running statistics.

    Training under ``bn_policy`` 'auto' or 'group' may have replaced them; this way its checkpoint
    fits the model of its config in evaluation, prediction and export. Parameters stay the same
    objects.

    Returns:
        The number of layers that were replaced.
    """
    names = [
        name
        for name in norm_layers(model)
        if f'{name}.weight' in state and f'{name}.running_mean' not in state
    ]
    replace(model, names, grouped)
    return len(names)
