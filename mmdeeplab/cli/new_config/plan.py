"""Choose settings of training that suit the data: crop, batch size, length, learning rate."""

from dataclasses import dataclass

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import STRIDE, aligned, aligned_within, corners_aligned

SMALLEST, LARGEST = 33, 513
SCRATCH, FINE = 200, 32  # epochs: CamVid's, with random and with pretrained weights
STEPS = {SCRATCH: 2_000, FINE: 500}  # at least
MOST = 30_000  # steps on VOC
BATCHES = ((1_000, 16), (64, 8), (8, 4), (0, 2))  # from so many images; one is too few for BN


@dataclass(frozen=True)
class ConfigPlan:
    """The settings of training in a new config.

    Attributes:
        crop: Side of training crops in pixels.
        test_size: (H, W) to which evaluation pads at least.
        batch_size: Images per step.
        steps: Number of training steps, a multiple of 100.
        rate: AdamW's learning rate.
    """

    crop: int
    test_size: tuple[int, int]
    batch_size: int
    steps: int
    rate: float


def make_plan(
    size: tuple[int, int], images: int, pretrained: bool, normed: bool, crop: int | None = None
) -> ConfigPlan:
    """Choose the settings of training for the images.

    Args:
        size: (H, W) of a typical image.
        images: Number of training images.
        pretrained: Whether training starts from pre-trained weights.
        normed: Whether the network has BatchNorm that trains; otherwise it needs a smaller learning
            rate.
        crop: The user's choice of the crop.

    Raises:
        UserError: The images are too small, or the crop does not fit the stride.
    """
    if min(size) < SMALLEST:
        raise UserError(
            f'images of {size[1]} x {size[0]} pixels are too small: {SMALLEST} is the least for '
            f'networks of output stride {STRIDE}'
        )
    if crop is not None and (crop < SMALLEST or not corners_aligned((crop,))):
        below = max(aligned_within(crop), SMALLEST)
        raise UserError(
            f'--crop must be {STRIDE} k + 1 and at least {SMALLEST}, e.g. {below} or '
            f'{below + STRIDE}, got {crop}'
        )
    batch_size = next(batch for least, batch in BATCHES if images >= least)
    epochs = FINE if pretrained else SCRATCH
    steps = min(max(images * epochs / batch_size, STEPS[epochs]), MOST)
    rate = (1e-3 if pretrained else 2e-3) if normed else 1e-4
    return ConfigPlan(
        crop=crop or min(aligned_within(min(size)), LARGEST),
        test_size=(aligned(size[0]), aligned(size[1])),
        batch_size=batch_size,
        steps=-(-int(steps) // 100) * 100,
        rate=rate,
    )
