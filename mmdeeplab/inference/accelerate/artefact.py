"""A network in the form that is converted for other runtimes, with open or fixed sizes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn, zeros

from mmdeeplab.models.analysis import input_channels

METADATA = 'mmdeeplab'  # key or file name under which an artefact holds its metadata
INPUT = 'image'
EXAMPLE = (70, 81)  # sides of open sizes: neither square nor of one parity
Run = Callable[[np.ndarray], np.ndarray]


class ScoresGraph(nn.Module):
    """A network from the normalised, padded image to the scores of its head.

    Input: float (N, bands, H, W). Output: ``scores``, float (N, C, h, w).

    Args:
        model: An :class:`mmseg.models.segmentors.EncoderDecoder`, in evaluation.
    """

    output = 'scores'

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.bands = input_channels(model)
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image, mode='tensor').float()

    def example(self, size: Sequence[int] | None) -> Tensor:
        """An example input: one image of ``size`` (H, W), or two images for open sizes."""
        return zeros(1 if size else 2, self.bands, *(size or EXAMPLE))

    def axes(self) -> tuple[int, ...]:
        """The axes of the input whose sizes may be open, by index."""
        return (0, 2, 3)


class ArtefactSpec(NamedTuple):
    """What is to be converted for another runtime.

    Attributes:
        graph: The network.
        size: (H, W) of its input; None leaves batch and size open.
        precision: ``float``, ``half`` or ``int8``.
        metadata: The metadata that are stored in the file.
    """

    graph: ScoresGraph
    size: tuple[int, int] | None
    precision: str
    metadata: dict
