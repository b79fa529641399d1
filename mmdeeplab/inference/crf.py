"""The dense CRF that DeepLab v1 and v2 apply to scores (Kraehenbuehl, Koltun; arXiv 1210.5644)."""

from dataclasses import asdict, dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmseg.structures import SegDataSample

# model: bi_w, bi_xy_std, bi_rgb_std, pos_w, pos_xy_std (arXiv 1412.7062 and the authors' page)
PUBLISHED: dict[str, tuple[float, float, float, float, float]] = {
    'v1': (5, 50, 10, 3, 3),
    'v1-msc': (3, 95, 3, 3, 3),
    'v1-coco': (5, 67, 3, 3, 3),
    'v1-largefov': (4, 121, 5, 3, 3),
    'v1-msc-largefov': (4, 83, 5, 3, 3),
    'v1-coco-largefov': (5, 69, 5, 3, 3),
    'v1-msc-coco-largefov': (4, 59, 5, 3, 3),
    'v2-vgg16': (4, 65, 3, 2, 2),
    'v2-r101': (4, 67, 3, 3, 1),
}
SMALLEST = 1e-12  # probabilities below have no larger energy


@dataclass(frozen=True)
class DenseCRF:
    """Mean-field inference in a fully connected CRF with Potts labels and two Gaussian kernels.

    Kernels are normalised symmetrically (pydensecrf's default; the normalisation of the authors'
    program is not known for certain). Colours are on the 0..255 scale, distances in pixels.

    Attributes:
        bi_w: Weight of the kernel over position and colour.
        bi_xy_std: Its deviation in position.
        bi_rgb_std: Its deviation in colour.
        pos_w: Weight of the kernel over position alone.
        pos_xy_std: Its deviation.
        iterations: Mean-field steps; 10 in both papers.
    """

    bi_w: float
    bi_xy_std: float
    bi_rgb_std: float
    pos_w: float
    pos_xy_std: float
    iterations: int = 10

    def __call__(self, probabilities: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Refine class probabilities by the image.

        Args:
            probabilities: (C, H, W), C >= 2, summing to 1 over C.
            image: (H, W, 3), uint8, RGB.

        Returns:
            (C, H, W), float32.

        Raises:
            ValueError: Shapes or types that do not go together.
            UserError: pydensecrf2 is not installed.
        """
        classes, height, width = probabilities.shape
        if classes < 2 or image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(
                'the CRF takes probabilities (C, H, W) of at least 2 classes and a uint8 image '
                f'(H, W, 3), got {probabilities.shape} and {image.dtype} {image.shape}'
            )
        crf = require_pydensecrf().DenseCRF2D(width, height, classes)
        energy = -np.log(np.maximum(probabilities, SMALLEST)).astype(np.float32)
        crf.setUnaryEnergy(np.ascontiguousarray(energy.reshape(classes, -1)))
        crf.addPairwiseGaussian(sxy=self.pos_xy_std, compat=self.pos_w)
        crf.addPairwiseBilateral(
            sxy=self.bi_xy_std,
            srgb=self.bi_rgb_std,
            rgbim=np.ascontiguousarray(image),
            compat=self.bi_w,
        )
        return np.array(crf.inference(self.iterations)).reshape(classes, height, width)


def require_pydensecrf() -> ModuleType:
    """Import pydensecrf2, or raise a UserError with the command that installs it."""
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise UserError(
            'the dense CRF needs pydensecrf2: pip install pydensecrf2 (the extra '
            '"crf"; it is built from source, with a C++ compiler)'
        ) from error
    return densecrf


def build_crf(published: str | None = None, **options: float) -> DenseCRF:
    """Make a CRF from a config's ``crf``.

    Args:
        published: Name of a published set of parameters, if any.
        options: Single parameters, which override those of the set.

    Raises:
        UserError: The name or an option is unknown, or parameters are missing.
    """
    if published is not None and published not in PUBLISHED:
        raise UserError(f'crf.published must be one of {", ".join(PUBLISHED)}, got {published!r}')
    base = asdict(DenseCRF(*PUBLISHED[published])) if published else {}
    try:
        return DenseCRF(**base | options)
    except TypeError as error:
        names = ', '.join(DenseCRF.__dataclass_fields__)
        raise UserError(
            f'crf takes published, {names}; without published all but iterations. Got '
            f'{sorted(options)}'
        ) from error


def refine(sample: 'SegDataSample', image: np.ndarray, crf: DenseCRF) -> 'SegDataSample':
    """Refine a prediction: softmax of ``seg_logits``, CRF, labels into ``pred_sem_seg``.

    Args:
        sample: A prediction with ``seg_logits`` (C, H, W), which do not change; a single channel
            stands for two classes.
        image: The image at the logits' size, (H, W, 3), uint8, RGB.
        crf: The CRF.

    Returns:
        The same sample; its ``pred_sem_seg`` is (1, H, W), int64.
    """
    import torch
    from mmengine.structures import PixelData

    from mmdeeplab.inference.foreground import two_classes

    logits = two_classes(sample.seg_logits.data)
    refined = crf(logits.softmax(0).float().cpu().numpy(), image)
    labels = torch.from_numpy(refined).argmax(0, keepdim=True).to(logits.device)
    sample.set_data({'pred_sem_seg': PixelData(data=labels)})
    return sample
