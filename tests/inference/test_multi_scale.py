"""Multi-scale and flipped inference against the definition of TensorFlow's evaluation."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.inference.multi_scale import MultiScaleFlip
from mmdeeplab.inference.wrap import with_tta, with_windows
from mmdeeplab.models.atrous import scaled
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor


class Tiny(EncoderDecoder):
    """Two strided convolutions: logits at stride 4, different for a mirrored image."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 5, 3, 2, 1)
        ).double()
        self.align_corners = True
        self.data_preprocessor = DeepLabPreprocessor(size=(65, 65))

    def forward(self, inputs: Tensor, data_samples: None = None, mode: str = 'tensor') -> Tensor:
        return self.net(inputs)


def resize(x: Tensor, size: tuple) -> Tensor:
    return F.interpolate(x, size, mode='bilinear', align_corners=True)


def make(scales: tuple, flip: bool) -> MultiScaleFlip:
    init_default_scope('mmseg')
    return MultiScaleFlip(Tiny(), scales, flip).eval()


def test_sizes_are_the_published_ones() -> None:
    sizes = [scaled(513, s) for s in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)]
    assert sizes == [257, 385, 513, 641, 769, 897]


def test_averages_probabilities_over_scales_and_mirrors() -> None:
    model = make((0.5, 1.0, 1.5), True)
    image = torch.randn(2, 3, 65, 65, dtype=torch.float64)
    expected = []
    for side in (33, 65, 97):
        view = resize(image, (side, side))
        for mirror in (False, True):
            logits = model.module.net(view.flip(3) if mirror else view)
            logits = logits.flip(3) if mirror else logits
            if side == 33:
                assert logits.shape[2:] == (9, 9)
                logits = resize(logits, (17, 17))  # the grid of scale 1
            expected.append(resize(logits, (65, 65)).softmax(1))
    torch.testing.assert_close(model.probabilities(image), torch.stack(expected).mean(0))


def test_a_single_channel_is_a_foreground() -> None:
    """Probabilities are sigmoids, and so is what mmseg makes of the result."""
    model = make((0.5, 1.0), True)
    model.module.net[2] = nn.Conv2d(8, 1, 3, 2, 1).double()
    image = torch.randn(2, 3, 65, 65, dtype=torch.float64)
    views = []
    for mirror in (False, True):
        x = image.flip(3) if mirror else image
        half, whole = (model.module.net(resize(x, (side, side))) for side in (33, 65))
        for logits in (resize(half, (17, 17)), whole):
            view = resize(logits, (65, 65)).sigmoid()
            views.append(view.flip(3) if mirror else view)
    torch.testing.assert_close(model.encode_decode(image).sigmoid(), torch.stack(views).mean(0))


def test_one_scale_without_flip_is_the_network() -> None:
    model = make((1.0,), False)
    image = torch.randn(1, 3, 65, 49, dtype=torch.float64)
    logits = resize(model.module.net(image), (65, 49))
    torch.testing.assert_close(model.probabilities(image), logits.softmax(1))


def test_a_mirrored_image_gives_the_mirrored_answer() -> None:
    model = make((0.75, 1.0), True)
    image = torch.randn(1, 3, 65, 65, dtype=torch.float64)
    torch.testing.assert_close(
        model.probabilities(image.flip(3)), model.probabilities(image).flip(3)
    )


@pytest.mark.parametrize('scales', [(), (0.0, 1.0), (-1.0,)])
def test_refuses_scales_that_are_not_positive(scales: tuple) -> None:
    with pytest.raises(ValueError, match='scales must be positive'):
        make(scales, False)


def test_the_scales_of_mmsegmentations_own_model_are_taken() -> None:
    """From ``tta_pipeline``, as its configs write it: the views are made by the network here."""
    resize = [dict(type='Resize', scale_factor=r, keep_ratio=True) for r in (0.5, 1.0, 1.25)]
    flip = [dict(type='RandomFlip', prob=p) for p in (0.0, 1.0)]
    views = dict(type='TestTimeAug', transforms=[resize, flip, [dict(type='PackSegInputs')]])
    cfg = Config(dict(model=dict(type='EncoderDecoder'), tta_model=dict(type='SegTTAModel')))
    assert 'scales' not in with_tta(cfg).model
    cfg.tta_pipeline = [dict(type='LoadImageFromFile'), views]
    model = with_tta(cfg).model
    assert (model.type, [*model.scales]) == ('mmdeeplab.MultiScaleFlip', [0.5, 1.0, 1.25])


def test_windows_need_a_size() -> None:
    preprocessor = dict(type='SegDataPreProcessor', size_divisor=32)
    cfg = Config(dict(model=dict(type='EncoderDecoder', data_preprocessor=preprocessor)))
    assert with_windows(cfg) is cfg
    with pytest.raises(UserError, match='give --window'):
        with_windows(cfg, 'slide')
    assert with_windows(cfg, 'slide', window=65).model.window == (65, 65)
