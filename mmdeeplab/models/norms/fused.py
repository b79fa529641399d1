"""BatchNorm and the ReLU behind it as one operation, where a network trains on a CPU."""

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from mmdeeplab.models.cpu_kernels.batch_norm import BatchNorm, available
from mmdeeplab.models.layers.separable import is_channels_last


class FusedBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d``, whose batch statistics and gradients a C kernel computes.

    Statistics are summed in float64 and joined by Chan et al.'s formula. Without a kernel, on
    another device, in another layout than channels last, or in evaluation it is the plain one.
    """

    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """(N, C, H, W) -> the same; ``relu``: clipped at 0."""
        if not self._has_kernel(x):
            y = super().forward(x)
            return torch.relu_(y) if relu else y
        y, mean, variance = BatchNorm.apply(x, self.weight, self.bias, self.eps, relu)
        if self.track_running_stats:
            self._move(mean, variance, x.numel() // x.shape[1])
        return y

    def _has_kernel(self, x: Tensor) -> bool:
        fits = self.training and x.device.type == 'cpu' and not torch.compiler.is_compiling()
        several = x.numel() > x.shape[1]  # one value has no variance: PyTorch says so
        single = self.weight is None or self.weight.dtype == torch.float32
        return fits and several and single and is_channels_last(x) and available(x)

    @torch.no_grad()
    def _move(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, as PyTorch does."""
        momentum = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # a plain average
                momentum = 1 / float(self.num_batches_tracked)
        assert momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), momentum)


class FusedConvModule(ConvModule):
    """A ``ConvModule`` whose norm and ReLU are one operation in training."""

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        fused = type(self.norm) is FusedBatchNorm2d  # a SyncBN may have taken its place
        if not fused or not self.norm.training or args or kwargs:
            return super().forward(x, *args, **kwargs)
        return self.norm(self.conv(x), relu=True)


def fuse_norms(model: nn.Module) -> int:
    """Let norms that are plain BN, and ReLUs behind them, be one operation; how many norms."""
    norms = [layer for layer in model.modules() if type(layer) is nn.BatchNorm2d]
    for norm in norms:
        norm.__class__ = FusedBatchNorm2d
    for layer in model.modules():
        if type(layer) is ConvModule and layer.with_norm and type(layer.norm) is FusedBatchNorm2d:
            simple = layer.order == ('conv', 'norm', 'act') and not layer.with_explicit_padding
            if simple and layer.with_activation and type(layer.activate) is nn.ReLU:
                layer.__class__ = FusedConvModule
    return len(norms)
