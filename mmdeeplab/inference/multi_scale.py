"""Multi-scale and flipped inference as DeepLab evaluates (DeepLabv3, section 4.1)."""

from collections.abc import Iterator, Sequence

import torch
from mmengine.model import BaseTTAModel
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.models.atrous import scaled
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class MultiScaleFlip(BaseTTAModel):
    """Average the probabilities of one network over scales of the *padded* image and their mirrors.

    As `deeplab/model.py`, ``predict_labels_multi_scale``: an image padded to side n is resized to
    ``int((n - 1) * scale + 1)`` with aligned corners; logits of a shrunken image first go to the
    grid they have at scale 1, then to n; softmax; mean; argmax. One running sum is kept, so memory
    does not grow with the number of views.

    Takes the same data as the network alone: no test-time pipeline is needed.

    Args:
        module: The segmentor.
        scales: Scales of the padded image.
        flip: Also mirror every scale.

    Raises:
        ValueError: No scale, or one that is not positive.
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

    def merge_preds(self, data_samples_list: list) -> list:
        """Not used: views are merged as they come."""
        raise NotImplementedError

    def test_step(self, data: dict) -> list:
        """Predict a batch; ``seg_logits`` of a sample are the logarithms of its probabilities."""
        data = self.module.data_preprocessor(data, False)
        return self.module.postprocess_result(
            self.encode_decode(data['inputs']), data['data_samples']
        )

    def encode_decode(self, inputs: Tensor, batch_img_metas: object = None) -> Tensor:
        """(N, 3, H, W) -> logarithms of the mean probabilities (N, C, H, W).

        Their softmax are the probabilities. Called as segmentors are; the metas are not used.
        """
        probabilities = self.probabilities(inputs)
        return probabilities.clamp_(min=torch.finfo(probabilities.dtype).tiny).log_()

    @torch.no_grad()
    def probabilities(self, inputs: Tensor) -> Tensor:
        """(N, 3, H, W) -> mean class probabilities (N, C, H, W)."""
        views = self.views(inputs)
        total = next(views).softmax(1)
        for logits in views:
            total += logits.softmax(1)
        return total.div_(len(self.scales) * (1 + self.flip))

    def views(self, inputs: Tensor) -> Iterator[Tensor]:
        """Logits (N, C, H, W) of every view, mirrored back."""
        size = tuple(inputs.shape[2:])
        for scale in self.scales:
            scaled_size = tuple(scaled(side, scale) for side in size)
            image = bilinear(inputs, scaled_size)
            for mirrored in (False, True)[: 1 + self.flip]:
                logits = self.module(image.flip(3) if mirrored else image, mode='tensor')
                logits = logits.flip(3) if mirrored else logits
                if scale < 1:
                    stride = round((scaled_size[0] - 1) / max(logits.shape[2] - 1, 1))
                    logits = bilinear(logits, tuple(scaled(side, 1 / stride) for side in size))
                yield bilinear(logits, size)


def bilinear(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize with aligned corners."""
    return F.interpolate(x, size, mode='bilinear', align_corners=True)
