"""Multi-scale and flipped inference as DeepLab evaluates (DeepLabv3, section 4.1)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.models.atrous import scaled
from mmdeeplab.models.segmentors.wrapper import SegmentorWrapper
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class MultiScaleFlip(SegmentorWrapper):
    """Average a network's probabilities over scales of the *padded* image and their mirrors.

    As ``predict_labels_multi_scale`` in `deeplab/model.py`: an image padded to side n is resized to
    ``int((n - 1) * scale + 1)`` with aligned corners. The logits of a smaller image are resized to
    the grid of scale 1, then to n. Their softmax is averaged, and the largest probability gives the
    label. Only a running sum is kept, so memory does not grow with the number of scales.

    Takes the same data as the network alone, without a test-time pipeline.

    Args:
        module: The segmentor.
        scales: Scales of the padded image.
        flip: Whether to use the mirror image of each scale as well.

    Raises:
        ValueError: There is no scale, or one is not positive.
    """

    def __init__(
        self,
        module: dict,
        scales: Sequence[float] = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75),
        flip: bool = True,
        **kwargs: object,
    ) -> None:
        if not scales or min(scales) <= 0:
            raise ValueError(f'scales must be positive, got {tuple(scales)}')
        super().__init__(module, **kwargs)
        self.scales, self.flip = tuple(scales), flip

    def test_step(self, data: dict) -> list:
        """Predict a batch; ``seg_logits`` of a sample are the logarithms of its probabilities."""
        data = self.module.data_preprocessor(data, False)
        return self.module.postprocess_result(
            self.encode_decode(data['inputs']), data['data_samples']
        )

    def encode_decode(self, inputs: Tensor, batch_img_metas: object = None) -> Tensor:
        """(N, 3, H, W) -> logarithms of the mean probabilities, (N, C, H, W).

        Their softmax, or the sigmoid of a single channel, gives the mean probabilities.
        ``batch_img_metas`` is not used.
        """
        probabilities = self.probabilities(inputs)
        if probabilities.shape[1] == 1:
            return probabilities.logit_(eps=torch.finfo(probabilities.dtype).eps)
        return probabilities.clamp_(min=torch.finfo(probabilities.dtype).tiny).log_()

    @torch.no_grad()
    def probabilities(self, inputs: Tensor) -> Tensor:
        """(N, 3, H, W) -> mean class probabilities (N, C, H, W)."""
        total: Tensor | None = None
        for image, scale, mirrored in self.views(inputs):
            view = probabilities_(self.logits(image, scale, mirrored, tuple(inputs.shape[2:])))
            total = view if total is None else total.add_(view)
            del view
        assert total is not None
        return total.div_(len(self.scales) * (1 + self.flip))

    def views(self, inputs: Tensor) -> Iterator[tuple[Tensor, float, bool]]:
        """Each resized and perhaps mirrored image with its scale and whether it is mirrored.

        The largest scale comes first, while there is no sum of probabilities in memory yet.
        """
        for scale in sorted(self.scales, reverse=True):
            image = bilinear(inputs, tuple(scaled(side, scale) for side in inputs.shape[2:]))
            for mirrored in (False, True)[: 1 + self.flip]:
                yield image.flip(3) if mirrored else image, scale, mirrored

    def logits(self, image: Tensor, scale: float, mirrored: bool, size: tuple[int, ...]) -> Tensor:
        """Logits (N, C, *size) of one scale; those of a mirror image are mirrored back."""
        logits = self.module(image, mode='tensor')
        logits = logits.flip(3) if mirrored else logits
        if scale < 1:
            stride = round((image.shape[2] - 1) / max(logits.shape[2] - 1, 1))
            logits = bilinear(logits, tuple(scaled(side, 1 / stride) for side in size))
        return bilinear(logits, size)


def probabilities_(logits: Tensor) -> Tensor:
    """Softmax over axis 1 in place; the sigmoid of a single channel."""
    if logits.shape[1] == 1:
        return logits.sigmoid_()
    exponents = logits.sub_(logits.amax(1, keepdim=True)).exp_()
    return exponents.div_(exponents.sum(1, keepdim=True))


def bilinear(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize with aligned corners."""
    return F.interpolate(x, size, mode='bilinear', align_corners=True)
