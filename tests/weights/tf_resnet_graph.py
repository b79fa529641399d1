"""TensorFlow's ResNet DeepLab as one function of its variables, written from the specification.

Nothing of mmdeeplab is used: plain convolutions on explicitly padded maps, NCHW, under TF's names.
Every variable is made by its name and the shape that the graph expects, on first use, so the
dictionary that comes out enumerates the checkpoint.
"""

from typing import NamedTuple

import numpy as np
import torch
from tf_golden import weight
from torch import Tensor
from torch.nn import functional as F


class Graph(NamedTuple):
    """The options of `research/deeplab` that the tests vary."""

    scope: str = 'resnet_v1_101'
    units: tuple[int, ...] = (3, 4, 23, 3)
    beta: bool = True
    multi_grid: tuple[int, ...] = (1, 1, 1)
    output_stride: int = 16
    rates: tuple[int, ...] = (6, 12, 18)
    separable: bool = True
    decoder: bool = True


def same(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and after a side of ``n`` by TF's 'SAME'."""
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def resize(x: Tensor, height: int, width: int) -> Tensor:
    """Bilinear with aligned corners, as two matrix products."""

    def matrix(old: int, new: int) -> Tensor:
        at = torch.arange(new) * ((old - 1) / max(new - 1, 1))
        low = at.floor().long().clamp(max=max(old - 2, 0))
        result = torch.zeros(new, old, dtype=x.dtype)
        share = (at - low).to(x.dtype)
        rows = torch.arange(new)
        result[rows, low] += 1 - share
        result[rows, (low + 1).clamp(max=old - 1)] += share
        return result

    return matrix(x.shape[2], height) @ x @ matrix(x.shape[3], width).T


class Network:
    """The graph; ``variables`` fills up while it runs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.variables: dict[str, np.ndarray] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        self.variables.setdefault(name, weight(name, shape))
        return torch.from_numpy(self.variables[name])

    def norm(self, x: Tensor, scope: str) -> Tensor:
        names = ('moving_mean', 'moving_variance', 'gamma', 'beta')
        mean, variance, gamma, beta = (
            self.get(f'{scope}/BatchNorm/{name}', x.shape[1])[:, None, None] for name in names
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * gamma + beta

    def conv(
        self, x: Tensor, scope: str, out: int, k: int = 1, stride: int = 1, rate: int = 1
    ) -> Tensor:
        """slim's `conv2d_same` and BN, without an activation."""
        kernel = self.get(f'{scope}/weights', k, k, x.shape[1], out).permute(3, 2, 0, 1)
        if stride == 1:
            before, after = same(10**6, (k - 1) * rate + 1, 1)
        else:  # 'fixed_padding', whatever the size
            total = (k - 1) * rate
            before, after = total // 2, total - total // 2
        x = F.pad(x, (before, after, before, after))
        return self.norm(F.conv2d(x, kernel, stride=stride, dilation=rate), scope)

    def head_conv(self, x: Tensor, scope: str, out: int, rate: int, plain: str) -> Tensor:
        """3x3, BN, ReLU; or depthwise, BN, ReLU, pointwise, BN, ReLU."""
        if not self.graph.separable:
            return self.conv(x, plain, out, 3, rate=rate).relu()
        channels = x.shape[1]
        kernel = self.get(f'{scope}_depthwise/depthwise_weights', 3, 3, channels, 1)
        x = F.conv2d(
            F.pad(x, (rate,) * 4), kernel.permute(2, 3, 0, 1), dilation=rate, groups=channels
        )
        x = self.norm(x, f'{scope}_depthwise').relu()
        return self.conv(x, f'{scope}_pointwise', out).relu()

    def unit(self, x: Tensor, scope: str, base: int, stride: int, rate: int) -> tuple:
        if x.shape[1] == 4 * base:
            shortcut = F.max_pool2d(x, 1, stride)
        else:
            shortcut = self.conv(x, f'{scope}/shortcut', 4 * base, stride=stride)
        y = self.conv(x, f'{scope}/conv1', base).relu()
        y = self.conv(y, f'{scope}/conv2', base, 3, stride, rate).relu()
        y = self.conv(y, f'{scope}/conv3', 4 * base)
        return (shortcut + y).relu(), y

    def backbone(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The last map, and `block1/unit_2/bottleneck_v1/conv3`."""
        root, g = self.graph.scope, self.graph
        if g.beta:
            x = self.conv(x, f'{root}/conv1_1', 64, 3, 2).relu()
            x = self.conv(x, f'{root}/conv1_2', 64, 3).relu()
            x = self.conv(x, f'{root}/conv1_3', 128, 3).relu()
        else:
            x = self.conv(x, f'{root}/conv1', 64, 7, 2).relu()
        pads = (*same(x.shape[3], 3, 2), *same(x.shape[2], 3, 2))
        x = F.max_pool2d(F.pad(x, pads, value=-torch.inf), 3, 2)
        current, rate = 4, 1
        for b, count in enumerate(g.units, 1):
            for u in range(1, count + 1):
                stride = 2 if u == count and b < 4 else 1
                grid = g.multi_grid[u - 1] if b == 4 else 1
                scope = f'{root}/block{b}/unit_{u}/bottleneck_v1'
                base = 32 * 2**b
                if current == g.output_stride:
                    x, y = self.unit(x, scope, base, 1, rate * grid)
                    rate *= stride
                else:
                    x, y = self.unit(x, scope, base, stride, grid)
                    current *= stride
                if (b, u) == (1, 2):
                    low = y
        return x, low

    def __call__(self, image: np.ndarray) -> Tensor:
        """uint8 (N, H, W, 3) -> logits (N, h, w, 21) at the stride of the decoder or the trunk."""
        x = torch.from_numpy(image).float().permute(0, 3, 1, 2) * 2 / 255 - 1
        x, low = self.backbone(x)
        pooled = self.conv(x.mean((2, 3), keepdim=True), 'image_pooling', 256).relu()
        branches = [resize(pooled, *x.shape[2:]), self.conv(x, 'aspp0', 256).relu()]
        for i, rate in enumerate(self.graph.rates, 1):
            branches.append(self.head_conv(x, f'aspp{i}', 256, rate, f'aspp{i}'))
        x = self.conv(torch.cat(branches, 1), 'concat_projection', 256).relu()
        if self.graph.decoder:
            low = self.conv(low, 'decoder/feature_projection0', 48).relu()
            x = torch.cat([resize(x, *low.shape[2:]), low], 1)
            for i in (0, 1):
                plain = f'decoder/decoder_conv0/decoder_conv0_{i + 1}'
                x = self.head_conv(x, f'decoder/decoder_conv{i}', 256, 1, plain)
        kernel = self.get('logits/semantic/weights', 1, 1, 256, 21).permute(3, 2, 0, 1)
        x = F.conv2d(x, kernel, self.get('logits/semantic/biases', 21))
        return x.permute(0, 2, 3, 1)
