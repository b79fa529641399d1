"""Multi-scale inputs (MSC) of DeepLab v2 (arXiv 1606.00915, section 4.1.2)."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor

from mmdeeplab.models.atrous import scaled
from mmdeeplab.models.segmentors.encoder_decoder import EncoderDecoder
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class MSC(EncoderDecoder):
    """Run the same network on several scales of the image and take the largest score.

    Images (N, C, H, W) are resized to every scale and go through backbone, neck and head. All
    logits are resized to those of the first scale, (N, num_classes, h, w), and fused by the
    element-wise maximum. In training, the loss is the sum of the losses of each scale's logits and
    of the fused ones; the head decides at which size they are compared with the label
    (:class:`ShrunkLabelLoss`: at the size of the logits). An auxiliary head reads the first scale.

    Args:
        scales: Factors on the image's size; the first is 1.
        kwargs: :class:`EncoderDecoder`.

    Raises:
        ValueError: The first scale is not 1.
    """

    def __init__(self, scales: Sequence[float] = (1.0, 0.75, 0.5), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not scales or scales[0] != 1:
            raise ValueError(f'scales must begin with 1, got {tuple(scales)}')
        self.scales = tuple(scales)

    def features_of_scales(self, inputs: Tensor) -> list[tuple[Tensor, ...]]:
        """The neck's maps for each scale of the images (N, C, H, W)."""
        features = [self.extract_feat(inputs)]
        for scale in self.scales[1:]:
            size = [scaled(side, scale) for side in inputs.shape[2:]]
            image = resize(inputs, size, mode='bilinear', align_corners=self.align_corners)
            features.append(self.extract_feat(image))
        return features

    def fuse(self, logits: Sequence[Tensor]) -> Tensor:
        """Resize all logits to the size of the first and take their element-wise maximum."""
        size = logits[0].shape[2:]
        resized = [
            resize(x, size, mode='bilinear', align_corners=self.align_corners) for x in logits
        ]
        return torch.stack(resized).amax(0)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        features = self.features_of_scales(inputs)
        logits = [self.decode_head(maps) for maps in features]
        names = [f'decode_x{scale:g}' for scale in self.scales]
        losses: dict = {}
        for name, scores in zip([*names, 'decode_max'], [*logits, self.fuse(logits)], strict=True):
            losses |= add_prefix(self.decode_head.loss_by_feat(scores, data_samples), name)
        if self.with_auxiliary_head:
            losses |= self._auxiliary_head_forward_train(features[0], data_samples)
        return losses

    def _forward(self, inputs: Tensor, data_samples: list[SegDataSample] | None = None) -> Tensor:
        return self.fuse([self.decode_head(maps) for maps in self.features_of_scales(inputs)])

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        return self.decode_head.predict_by_feat(self._forward(inputs), batch_img_metas)
