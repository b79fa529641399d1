"""TensorFlow's operators on NCHW tensors, and MobileNets written with them after the papers.

Independent of the package: variables are asked for by TF's names and shapes, and come from those
names alone (`tf_golden.weight`), so a graph that ran knows the whole checkpoint it belongs to.
"""

from collections.abc import Callable

import numpy as np
import torch
from tf_golden import weight
from torch import Tensor
from torch.nn import functional as F

Act = Callable[[Tensor], Tensor] | None


def hard_sigmoid(x: Tensor) -> Tensor:
    return torch.clamp(x + 3, 0, 6) * 0.16667


def hard_swish(x: Tensor) -> Tensor:
    return x * torch.clamp(x + 3, 0, 6) / 6


def resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode='bilinear', align_corners=True)


class Graph:
    """``symmetric`` pads as a careless port would: the same on both sides at every size."""

    def __init__(self, symmetric: bool = False) -> None:
        self.variables: dict[str, np.ndarray] = {}
        self.symmetric = symmetric

    def variable(self, name: str, *shape: int) -> Tensor:
        assert name not in self.variables
        self.variables[name] = weight(name, shape)
        return torch.from_numpy(self.variables[name]).double()

    def same(self, x: Tensor, kernel: int, stride: int, rate: int) -> Tensor:
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + (kernel - 1) * rate + 1 - size, 0)
            before = total // 2
            pads += [rate * (kernel // 2)] * 2 if self.symmetric else [before, total - before]
        return F.pad(x, pads)

    def norm(self, x: Tensor, scope: str, eps: float) -> Tensor:
        gamma, beta, mean, variance = (
            self.variable(f'{scope}/BatchNorm/{leaf}', x.shape[1]).view(-1, 1, 1)
            for leaf in ('gamma', 'beta', 'moving_mean', 'moving_variance')
        )
        return (x - mean) * gamma / torch.sqrt(variance + eps) + beta

    def conv(
        self,
        x: Tensor,
        scope: str,
        channels: int,
        act: Act,
        kernel: int = 1,
        stride: int = 1,
        eps: float = 1e-3,
    ) -> Tensor:
        w = self.variable(f'{scope}/weights', kernel, kernel, x.shape[1], channels)
        x = F.conv2d(self.same(x, kernel, stride, 1), w.permute(3, 2, 0, 1), stride=stride)
        x = self.norm(x, scope, eps)
        return act(x) if act else x

    def depthwise(
        self, x: Tensor, scope: str, act: Act, kernel: int, stride: int, rate: int, eps: float
    ) -> Tensor:
        c = x.shape[1]
        w = self.variable(f'{scope}/depthwise_weights', kernel, kernel, c, 1).permute(2, 3, 0, 1)
        x = F.conv2d(self.same(x, kernel, stride, rate), w, stride=stride, dilation=rate, groups=c)
        return act(self.norm(x, scope, eps))

    def biased(self, x: Tensor, scope: str, channels: int) -> Tensor:
        w = self.variable(f'{scope}/weights', 1, 1, x.shape[1], channels).permute(3, 2, 0, 1)
        return F.conv2d(x, w, self.variable(f'{scope}/biases', channels))

    def block(
        self,
        x: Tensor,
        scope: str,
        row: tuple,
        act: Act,
        stride: int,
        rate: int,
    ) -> tuple[Tensor, Tensor]:
        """One row (kernel, expanded channels, channels, squeezed channels or 0)."""
        kernel, wide, channels, squeezed = row
        y = self.conv(x, f'{scope}/expand', wide, act) if wide != x.shape[1] else x
        y = tap = self.depthwise(y, f'{scope}/depthwise', act, kernel, stride, rate, 1e-3)
        if squeezed:
            gate = self.biased(y.mean((2, 3), True), f'{scope}/squeeze_excite/Conv', squeezed)
            gate = self.biased(F.relu(gate), f'{scope}/squeeze_excite/Conv_1', y.shape[1])
            y = y * hard_sigmoid(gate)
        y = self.conv(y, f'{scope}/project', channels, None)
        return (x + y if x.shape == y.shape else y), tap

    def separable(self, x: Tensor, scope: str, channels: int) -> Tensor:
        x = self.depthwise(x, f'{scope}_depthwise', F.relu, 3, 1, 1, 1e-5)
        return self.conv(x, f'{scope}_pointwise', channels, F.relu, eps=1e-5)

    def head(self, x: Tensor) -> Tensor:
        """Image pooling and a 1x1 convolution, projected."""
        pooled = self.conv(x.mean((2, 3), True), 'image_pooling', 256, F.relu, eps=1e-5)
        point = self.conv(x, 'aspp0', 256, F.relu, eps=1e-5)
        both = torch.cat([pooled.expand_as(point), point], 1)
        return self.conv(both, 'concat_projection', 256, F.relu, eps=1e-5)

    def decoder(self, x: Tensor, low: Tensor) -> Tensor:
        low = self.conv(low, 'decoder/feature_projection0', 48, F.relu, eps=1e-5)
        x = torch.cat([resize(x, low), low], 1)
        x = self.separable(x, 'decoder/decoder_conv0', 256)
        return self.separable(x, 'decoder/decoder_conv1', 256)
