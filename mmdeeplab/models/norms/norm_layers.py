"""BatchNorm layers of a built model: which there are, frozen twins, group norm in their place."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

AnyBatchNorm = TypeVar('AnyBatchNorm', bound=_BatchNorm)


class FrozenBatchNorm(nn.BatchNorm2d):
    """Normalise by running statistics always; gamma and beta stay (DeepLabv3, second stage).

    TF's code (``fine_tune_batch_norm=False``) lets gamma and beta train: ``norm_eval=True``.
    """

    def train(self, mode: bool = True) -> 'FrozenBatchNorm':
        super().train(False)
        return self


def twin(layer: _BatchNorm, norm_class: type[AnyBatchNorm]) -> AnyBatchNorm:
    """A norm of another class with the settings, parameters and buffers of ``layer``."""
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
    """A norm with the parameters and buffers of ``layer`` that never trains."""
    return twin(layer, FrozenBatchNorm).requires_grad_(False)


def grouped(layer: _BatchNorm) -> nn.GroupNorm:
    """Group norm with that layer's parameters; up to 32 groups of at least four channels."""
    channels = layer.num_features
    divisors = [g for g in (2, 4, 8, 16, 32) if channels % g == 0 and channels >= 4 * g]
    groups = max(divisors, default=1)
    new = nn.GroupNorm(groups, channels, layer.eps, layer.affine)
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(new, name, parameter)
    return new


def replace(model: nn.Module, names: Iterable[str], make: Callable) -> None:
    """Put ``make(layer)`` in the place of each named layer."""
    for name in names:
        parent, _, leaf = name.rpartition('.')
        setattr(model.get_submodule(parent), leaf, make(model.get_submodule(name)))


def norm_layers(model: nn.Module) -> dict[str, _BatchNorm]:
    """Every BatchNorm of the model by its name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, _BatchNorm)}


def trained_layers(model: nn.Module) -> list[str]:
    """Names of the BatchNorm layers whose statistics the model's config does not freeze."""
    still = {
        f'{name}.{inner}'
        for name, module in model.named_modules()
        if getattr(module, 'norm_eval', False)
        for inner in norm_layers(module)
    }
    return [name for name in norm_layers(model) if name not in still]


def match_norm(model: nn.Module, state: Mapping[str, Tensor]) -> int:
    """Make the BatchNorm layers group norm that have no statistics in ``state``; return how many.

    A checkpoint trained under ``bn_policy`` 'auto' or 'group' so fits the config that it was
    trained with, in evaluation, prediction and export. Parameters stay the same objects.
    """
    names = [
        name
        for name in norm_layers(model)
        if f'{name}.weight' in state and f'{name}.running_mean' not in state
    ]
    replace(model, names, grouped)
    return len(names)
