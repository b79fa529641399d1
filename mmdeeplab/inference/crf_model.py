"""Wrap a network so that a dense CRF refines its predictions in evaluation."""

from mmdeeplab.datasets.transforms.load import read_image
from mmdeeplab.errors import UserError
from mmdeeplab.inference.crf import build_crf, refine
from mmdeeplab.models.segmentors.wrapper import SegmentorWrapper
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class CRFRefined(SegmentorWrapper):
    """Refine every prediction of a network, possibly a wrapped one, by a dense CRF.

    Args:
        module: The segmentor, or a wrapper around one.
        crf: Arguments of :func:`mmdeeplab.inference.crf.build_crf`.
    """

    def __init__(self, module: dict, crf: dict, **kwargs: object) -> None:
        super().__init__(module, **kwargs)
        self.crf = build_crf(**crf)

    def test_step(self, data: dict) -> list:
        """Predict a batch and refine it."""
        samples = self.module.test_step(data)
        for sample in samples:
            image = read_image(sample.img_path)[..., ::-1]
            if 'seg_logits' not in sample or sample.seg_logits.shape != image.shape[:2]:
                raise UserError(
                    f'{sample.img_path}: the CRF needs scores at the size of the image: '
                    '--mode whole or slide, and a protocol that does not crop'
                )
            refine(sample, image, self.crf)
        return samples
