"""What is exported: a network alone, or with everything between a photograph and its labels."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate.artefact import EXAMPLE, ScoresGraph
from mmdeeplab.models.atrous import aligned, corners_aligned
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor


class ExportGraph(ScoresGraph):
    """A network as evaluation runs it, from the padded image to its scores.

    float (N, bands, H, W), normalised as the preprocessor does -> ``logits``, float (N, C, H, W).

    Args:
        model: An :class:`mmseg.models.segmentors.EncoderDecoder`; it is copied.
        half: Compute in float16; input and output stay float32.
    """

    output = 'logits'

    def __init__(self, model: Any, half: bool = False) -> None:
        super().__init__(deepcopy(model).eval().requires_grad_(False))
        self.half_precision = half
        self.align_corners = model.decode_head.align_corners
        if half:
            self.model.half()

    def forward(self, image: Tensor) -> Tensor:
        x = image.half() if self.half_precision else image
        logits = super().forward(x)
        return F.interpolate(
            logits, image.shape[2:], mode='bilinear', align_corners=self.align_corners
        )


class PictureGraph(ExportGraph):
    """A network with its pre- and postprocessing, from the photograph to its labels.

    uint8 (N, H, W, bands), RGB first -> normalised, padded at the bottom and the right to the
    evaluation's least size -> scores -> ``labels``, uint8 (N, H, W). A single channel of scores is
    a foreground's: 1 where its sigmoid is above the head's threshold.

    Args:
        model: See :class:`ExportGraph`.
        half: See :class:`ExportGraph`.
        pixels: Bands and depth of pictures as they are stored, in the order of the files; what is
            deeper than 8 bits comes as float32, in which every uint16 is exact.
    """

    output = 'labels'
    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, half: bool = False, pixels: Pixels | None = None) -> None:
        super().__init__(model, half)
        given = preprocessor_of(model)
        deep = pixels is not None and pixels.depth != 'uint8'
        self.dtype = torch.float32 if deep else torch.uint8
        self.least = tuple(given.test_size)
        self.corners_aligned = corners_aligned(self.least)
        swap = self.bands > 3 or (self.bands == 3 and not given.bgr_to_rgb)
        swap = swap and pixels is None
        self.order = [2, 1, 0, *range(3, self.bands)] if swap else None
        self.register_buffer('mean', given.mean.clone())
        self.register_buffer('std', given.std.clone())

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:3]
        x = image.permute(0, 3, 1, 2).float()
        x = ((x if self.order is None else x[:, self.order]) - self.mean) / self.std
        x = F.pad(x, (0, self.lack(width, self.least[1]), 0, self.lack(height, self.least[0])))
        scores = super().forward(x)
        if self.model.out_channels == 1:
            labels = scores[:, 0].sigmoid() > self.model.decode_head.threshold
        else:
            labels = scores.argmax(1)
        return crop(labels.to(torch.uint8), height, width)

    def lack(self, side: Any, least: int) -> Any:
        """How much the evaluation pads a side, perhaps an open one, at its end."""
        artefact: Any = aligned(side) if self.corners_aligned else side
        if isinstance(side, Tensor):  # torch.jit.trace
            return artefact.clamp(min=least) - side
        return torch.sym_max(artefact, least) - side

    def example(self, size: Sequence[int] | None) -> Tensor:
        return torch.zeros(1 if size else 2, *(size or EXAMPLE), self.bands, dtype=self.dtype)

    def axes(self) -> tuple[int, ...]:
        return (0, 1, 2)


def build_graph(
    model: Any, processing: bool, half: bool = False, pixels: Pixels | None = None
) -> ExportGraph:
    """What is to be exported.

    Raises:
        UserError: The network does not normalise and pad as ours, so that an exported copy of that
            would differ.
    """
    preprocessor_of(model)
    return PictureGraph(model, half, pixels) if processing else ExportGraph(model, half)


def preprocessor_of(model: Any) -> DeepLabPreprocessor:
    """What normalises and pads before the network.

    Raises:
        UserError: It is not ours.
    """
    given = model.data_preprocessor
    if not isinstance(given, DeepLabPreprocessor):
        name = type(given).__name__
        raise UserError(f'export needs a mmdeeplab.DeepLabPreprocessor, this config has a {name}')
    return given


def crop(labels: Tensor, height: Any, width: Any) -> Tensor:
    """The first rows and columns of (N, H, W)."""
    if torch.jit.is_tracing():
        return labels[:, :height, :width]
    # torch.export would bind a slice to sizes at which it is no copy
    rows = torch.arange(height, device=labels.device)
    columns = torch.arange(width, device=labels.device)
    return labels.index_select(1, rows).index_select(2, columns)
