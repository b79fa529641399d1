"""Restore BatchNorm in networks whose norms were folded into their convolutions.

A folded norm is imported as one that only adds a bias (mean 0, variance 1 - epsilon, gamma 1). That
is exact in evaluation. In training it would scale every feature to unit variance and so destroy
what was learnt. Here each such norm gets the statistics of its input over some images, and the
gamma and beta with which the network computes the same as before.
"""

from collections.abc import Callable, Mapping

import torch
from mmengine import dist
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdeeplab.models.modes import kept_modes
from mmdeeplab.models.norms.norm_layers import norm_layers
from mmdeeplab.picture_threads import chunks
from mmdeeplab.spread import spread

IMAGES = 64  # enough for a channel's mean and variance over N, H and W
BATCH = 8


def folded_norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """The BatchNorm layers of ``model`` that only add a bias, by name."""
    return {name: norm for name, norm in norm_layers(model).items() if _only_adds_a_bias(norm)}


def _only_adds_a_bias(norm: _BatchNorm) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None or not norm.affine:
        return False
    folded = (variance + norm.eps - 1).abs() < norm.eps / 4  # an untrained norm has variance 1
    return bool(not mean.any() and (norm.weight == 1).all() and folded.all())


class _Moments:
    """Count, sum and sum of squares of one norm's input, in float64."""

    def __init__(self, channels: int, device: torch.device) -> None:
        self.sums = torch.zeros(2 * channels + 1, dtype=torch.float64, device=device)

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double().transpose(0, 1).flatten(1)
        count = x.new_tensor([x.shape[1]])
        self.sums += torch.cat([count, x.sum(1), x.square().sum(1)])

    def result(self) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) of the input over all processes."""
        dist.all_reduce(self.sums)
        first, second = (self.sums[1:] / self.sums[0]).chunk(2)
        return first, (second - first.square()).clamp(min=0)


@torch.no_grad()
def unfold_batch_norm(
    model: nn.Module, norms: Mapping[str, _BatchNorm], forward: Callable[[], object]
) -> None:
    """Set statistics, gamma and beta of ``norms`` without changing what the network computes.

    Args:
        model: The network; while ``forward`` runs it is in evaluation mode.
        norms: Its norms, from :func:`folded_norms`.
        forward: Runs the network on the images that the statistics are computed from. All processes
            of a run call this function together.
    """
    moments = {
        name: _Moments(norm.num_features, norm.weight.device) for name, norm in norms.items()
    }
    hooks = [norm.register_forward_pre_hook(moments[name]) for name, norm in norms.items()]
    try:
        with kept_modes(model):
            model.eval()
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    for name, norm in norms.items():
        mean, variance = moments[name].result()
        norm.register_buffer('running_mean', mean.to(norm.weight))
        norm.register_buffer('running_var', variance.to(norm.weight))
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.add_(mean)


def unfold_batch_norm_on(
    model: BaseModel, norms: Mapping[str, _BatchNorm], dataset: BaseDataset
) -> int:
    """:func:`unfold_batch_norm` with up to :data:`IMAGES` images, spread evenly over a data set.

    Returns:
        The number of images.
    """
    indices = spread(range(len(dataset)), IMAGES)

    def forward() -> None:
        for chosen in chunks(indices, BATCH):
            batch = model.data_preprocessor(
                pseudo_collate([dataset[i] for i in chosen]), training=True
            )
            model(**batch, mode='tensor')

    unfold_batch_norm(model, norms, forward)
    return len(indices)
