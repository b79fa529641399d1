"""BatchNorm and the ReLU behind it as one operation, where a network trains on a CPU."""

import torch
from torch import Tensor, nn

from mmdeeplab.models.cpu_kernels.batch_norm import BatchNorm, available
from mmdeeplab.models.layers.separable import is_channels_last, is_recorded
from mmdeeplab.models.norms.norm_layers import norm_layers, replace, twin


class FusedBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose training step on a CPU is computed by a C kernel.

    The kernel sums in float64 and combines partial statistics by the formula of Chan et al. Without
    it, on another device, for maps that are not channels-last, and in evaluation, PyTorch's own
    batch norm runs.
    """

    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """Normalise a map (N, C, H, W); with ``relu`` also clip it at 0."""
        if not self._has_kernel(x):
            y = super().forward(x)
            return torch.relu_(y) if relu else y
        y, mean, variance = BatchNorm.apply(x, self.weight, self.bias, self.eps, relu)
        if self.track_running_stats:
            self._update_running_statistics(mean, variance, x.numel() // x.shape[1])
        return y

    def _has_kernel(self, x: Tensor) -> bool:
        fits = self.training and x.device.type == 'cpu' and not is_recorded()
        several = x.numel() > x.shape[1]  # of a single value PyTorch tells what is wrong
        single = self.weight is None or self.weight.dtype == torch.float32
        return fits and several and single and is_channels_last(x) and available(x)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Average a batch's mean and variance into the running ones, as PyTorch does."""
        momentum = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # the mean over all batches so far
                momentum = 1 / float(self.num_batches_tracked)
        assert momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), momentum)


def fuse_norms(model: nn.Module) -> int:
    """Replace every ``nn.BatchNorm2d`` by a :class:`FusedBatchNorm2d`; return how many."""
    names = [name for name, norm in norm_layers(model).items() if type(norm) is nn.BatchNorm2d]
    replace(model, names, lambda norm: twin(norm, FusedBatchNorm2d))
    return len(names)
