"""Spatial pyramid pooling: SPPNet's layer, and a neck that uses the same pyramid instead of ASPP.

Source: He and others, "Spatial pyramid pooling in deep convolutional networks" (SPPNet, arXiv
1406.4729). The histograms before it are drawn and explained in docs/family.md.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import choose
from mmdeeplab.models.layers.conv import HEAD_NORM, PooledConv, TFInitialised
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS

POOLS: dict[str, Callable[[Tensor, int], Tensor]] = {
    'max': F.adaptive_max_pool2d,
    'avg': F.adaptive_avg_pool2d,
}
REDUCTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    'max': lambda x, dim: x.max(dim).values,
    'avg': lambda x, dim: x.mean(dim),
}


def pool(x: Tensor, bins: int, mode: str) -> Tensor:
    """Pool a map to ``bins`` x ``bins``: (N, C, H, W) -> (N, C, bins, bins).

    PyTorch's adaptive pooling has no deterministic backward pass on GPUs and refuses there under
    ``torch.use_deterministic_algorithms(True)`` (``randomness=dict(deterministic=True)``). Then
    rows and columns are reduced one after the other, which gives the same but for last bits.

    Args:
        x: The map.
        bins: Bins along each side.
        mode: 'max' or 'avg'.
    """
    if not torch.are_deterministic_algorithms_enabled():
        return POOLS[mode](x, bins)
    for dim in (2, 3):
        side = x.shape[dim]
        ends = [(i * side // bins, -(-(i + 1) * side // bins)) for i in range(bins)]
        parts = [REDUCTIONS[mode](x.narrow(dim, a, b - a), dim) for a, b in ends]
        x = torch.stack(parts, dim)
    return x


@MODELS.register_module()
class SpatialPyramidPool(nn.Module):
    """SPPNet's layer: turn a map of any size, or a region of it, into a vector of fixed length.

    (N, C, H, W) -> (N, C * sum(b^2)): for each b of ``bins`` the map is pooled to b x b bins, and
    the results, flattened (channel, row, column), are concatenated. Bin i of n along a side reaches
    from floor(i * side / n) to ceil((i + 1) * side / n), so neighbouring bins may overlap.

    Args:
        bins: Number of bins along each side, for each level; (6, 3, 2, 1) gives 50 numbers per
            channel.
        mode: 'max' or 'avg'.

    Raises:
        ValueError: The mode is unknown, or a region is empty.
    """

    def __init__(self, bins: Sequence[int] = (6, 3, 2, 1), mode: str = 'max') -> None:
        super().__init__()
        choose('mode', mode, tuple(POOLS))
        self.bins = tuple(bins)
        self.mode = mode

    def forward(self, x: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Pool whole maps, or the regions ``boxes``.

        Args:
            x: (N, C, H, W).
            boxes: (K, 5) integers: the index of the map in the batch, then left, top, right and
                bottom of the region in pixels of the map, right and bottom exclusive.

        Returns:
            (N, C * sum(b^2)), or (K, C * sum(b^2)).
        """
        if boxes is None:
            return torch.cat([pool(x, b, self.mode).flatten(1) for b in self.bins], 1)
        vectors = []
        for index, left, top, right, bottom in boxes.tolist():
            region = x[index : index + 1, :, top:bottom, left:right]
            if not region.numel():
                raise ValueError(
                    f'box {[index, left, top, right, bottom]} holds no cell of a map of shape '
                    f'{tuple(x.shape)}'
                )
            vectors.append(self(region))
        return torch.cat(vectors) if vectors else x.new_zeros(0, self.length(x.shape[1]))

    def length(self, channels: int) -> int:
        """Length of the vector of a map with ``channels`` channels."""
        return channels * sum(b * b for b in self.bins)


@MODELS.register_module()
class SPPNeck(TFInitialised):
    """Spatial pyramid pooling instead of ASPP.

    Each level pools the map to b x b bins, applies a 1x1 convolution and resizes the result to the
    map's size (bilinear). The map and all levels are concatenated and projected, and single
    elements are dropped out. Takes the maps of the backbone and returns as many, of which only the
    last has changed: (N, in_channels, H, W) -> (N, channels, H, W). With ``mode='avg'`` and bins
    (1, 2, 3, 6) this is PSPNet's pyramid module.

    Args:
        in_channels: Channels of the last map.
        channels: Channels of every level and of the result.
        bins: Number of bins along each side, for each level.
        mode: 'max' (SPPNet) or 'avg'.
        dropout: Probability of dropping an element of the projection.
        align_corners: Whether levels are resized with aligned corners.
        norm_cfg: Norm layer; the default is that of :class:`ASPPNeck`.
        init_cfg: MMEngine initialisation; by default TF's (:class:`TFInitialised`).

    Raises:
        ValueError: The mode is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        bins: Sequence[int] = (6, 3, 2, 1),
        mode: str = 'avg',
        dropout: float = 0.1,
        align_corners: bool = True,
        norm_cfg: dict = HEAD_NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        choose('mode', mode, tuple(POOLS))
        self.bins = tuple(bins)
        self.mode = mode
        self.align_corners = align_corners
        self.levels = nn.ModuleList(
            (PooledConv if b == 1 else ConvModule)(in_channels, channels, 1, norm_cfg=norm_cfg)
            for b in bins
        )
        self.projection = ConvModule(
            in_channels + len(self.bins) * channels, channels, 1, norm_cfg=norm_cfg
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        *low_level, x = maps
        spread = [x]
        for b, level in zip(self.bins, self.levels, strict=True):
            y = level(pool(x, b, self.mode))
            spread.append(
                F.interpolate(y, x.shape[2:], mode='bilinear', align_corners=self.align_corners)
            )
        return (*low_level, self.dropout(self.projection(torch.cat(spread, 1))))
