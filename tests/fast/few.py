"""A few layers that stand for what networks consist of."""

import torch
from torch import Tensor, nn


class Few(nn.Module):
    """A residual unit, a separable convolution, a pooled branch: what is fused, in few layers."""

    align_corners, num_classes, out_channels = False, 5, 5

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        self.wide = nn.Conv2d(16, 16, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=12, dilation=12, groups=16)
        self.narrow = nn.Conv2d(16, 16, 1)
        self.pooled = nn.Conv2d(16, 4, 1)
        self.join = nn.Conv2d(20, 16, 1)
        self.last = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor, mode: str = 'tensor') -> Tensor:
        x = self.stem(x).relu()
        x = x + self.narrow(self.depthwise(self.wide(x).relu()))
        mean = self.pooled(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.last(self.join(torch.cat([mean, x.relu()], 1)).relu())
