"""Networks whose logits were made before, so that only what follows them is timed."""

from types import SimpleNamespace
from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor

CLASSES, PRESENT = 21, 4


def areas(classes: int, height: int, width: int) -> Tensor:
    """Logits (C, H, W), smooth as a network's: four classes have areas, all have slow noise."""
    torch.manual_seed(0)
    centres = torch.rand(12, 2) * torch.tensor([height, width])
    owner = torch.randint(0, PRESENT, (12,)) * (classes // PRESENT)
    grid = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij'), -1)
    distance = torch.cdist(grid.float().view(-1, 2), centres)
    ids = owner[distance.argmin(1)].view(height, width)
    area = F.one_hot(ids, classes).permute(2, 0, 1)[None].float()
    area = F.avg_pool2d(area, 3, 1, 1, count_include_pad=False)
    coarse = torch.randn(1, classes, height // 8 + 2, width // 8 + 2)
    noise = F.interpolate(coarse, (height, width), mode='bicubic')
    return (8 * area + noise)[0]


class Views(EncoderDecoder):
    """A network whose logits were made before: one map a size of image."""

    def __init__(self, maps: dict[int, Tensor]) -> None:
        nn.Module.__init__(self)
        self.maps, self.out_channels, self.align_corners = maps, CLASSES, True
        self.data_preprocessor = nn.Identity()

    def forward(self, inputs: Tensor, data_samples: object = None, mode: str = 'tensor') -> Tensor:
        return self.maps[inputs.shape[2]].clone()


class Crops(EncoderDecoder):
    """A network whose logits of a window were made before."""

    def __init__(self, classes: int, side: int, stride: int) -> None:
        nn.Module.__init__(self)
        self.logits = areas(classes, side, side)[None]
        self.out_channels, self.align_corners, self.decode_head = classes, True, None
        self.data_preprocessor = DeepLabPreprocessor(size=(1, 1))
        self.test_cfg: Any = SimpleNamespace(crop_size=(side, side), stride=(stride, stride))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        return self.logits.expand(len(inputs), -1, -1, -1).clone()
