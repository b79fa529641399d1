"""The dense CRF against an exact mean field, and what a user meets around it."""

import sys

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdeeplab.errors import UserError
from mmdeeplab.inference.crf import PUBLISHED, DenseCRF, build_crf, refine

CRF = DenseCRF(bi_w=4, bi_xy_std=6, bi_rgb_std=40, pos_w=3, pos_xy_std=2, iterations=5)


@pytest.fixture
def pydensecrf() -> None:
    pytest.importorskip('pydensecrf.densecrf', reason='needs the extra crf: pydensecrf2')


def scene(height: int = 7, width: int = 6, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two colours side by side, and probabilities that mostly know on which side they are."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 40, (height, width, 3))
    image[:, width // 2 :] += 180
    scores = rng.normal(0, 1, (classes, height, width))
    scores[0, :, : width // 2] += 1
    scores[1, :, width // 2 :] += 1
    odds = np.exp(scores)
    return (odds / odds.sum(0)).astype(np.float32), image.astype(np.uint8)


def normalised(distance: np.ndarray) -> np.ndarray:
    """Gaussian kernel of squared distances, D^-1/2 K D^-1/2."""
    kernel = np.exp(-distance / 2)
    scale = 1 / np.sqrt(kernel.sum(1))
    return scale[:, None] * kernel * scale


def exact(crf: DenseCRF, probabilities: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Mean field with every pair of pixels, in float64."""
    classes, height, width = probabilities.shape
    place = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2).astype(float)
    colour = image.reshape(-1, 3).astype(float)

    def squared(x: np.ndarray) -> np.ndarray:
        return ((x[:, None] - x[None]) ** 2).sum(-1)

    both = squared(place / crf.bi_xy_std) + squared(colour / crf.bi_rgb_std)
    pairwise = crf.bi_w * normalised(both)
    pairwise += crf.pos_w * normalised(squared(place / crf.pos_xy_std))
    unary = np.log(probabilities.reshape(classes, -1).astype(float))
    q = probabilities.reshape(classes, -1)
    for _ in range(crf.iterations):
        q = np.exp(unary + q @ pairwise)
        q = q / q.sum(0)
    return q.reshape(probabilities.shape)


@pytest.mark.usefixtures('pydensecrf')
@pytest.mark.parametrize('size', [(7, 6), (6, 9)])
def test_equals_exact_mean_field(size: tuple[int, int]) -> None:
    """Up to the permutohedral lattice, which approximates the Gaussian filter."""
    probabilities, image = scene(*size)
    refined = CRF(probabilities, image)
    expected = exact(CRF, probabilities, image)
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-5)
    assert np.abs(refined - expected).max() < 0.08
    # far nearer to the truth than doing nothing, or than a CRF with other values
    error = np.abs(refined - expected).mean()
    others = [probabilities]
    for change in (dict(bi_w=8), dict(pos_w=1), dict(bi_rgb_std=160), dict(iterations=1)):
        others.append(exact(DenseCRF(**vars(CRF) | change), probabilities, image))
    distances = [float(np.abs(other - expected).mean()) for other in others]
    assert error < min(distances) / 2


@pytest.mark.usefixtures('pydensecrf')
def test_axes_are_not_mixed_up() -> None:
    """A mirrored or transposed scene gives the mirrored or transposed answer."""
    probabilities, image = scene(7, 12)
    refined = CRF(probabilities, image)
    transposed = CRF(probabilities.transpose(0, 2, 1), image.transpose(1, 0, 2))
    assert np.abs(transposed.transpose(0, 2, 1) - refined).max() < 0.05
    mirrored = CRF(probabilities[:, :, ::-1], image[:, ::-1])
    assert np.abs(mirrored[:, :, ::-1] - refined).max() < 0.05


@pytest.mark.usefixtures('pydensecrf')
def test_certain_probabilities_stay_finite() -> None:
    probabilities, image = scene()
    hard = np.eye(3, dtype=np.float32)[probabilities.argmax(0)].transpose(2, 0, 1)
    assert np.isfinite(CRF(hard, image)).all()


def test_a_single_channel_makes_two_classes() -> None:
    foreground = torch.rand(1, 5, 4)
    seen = []

    def crf(probabilities: np.ndarray, image: np.ndarray) -> np.ndarray:
        seen.append(probabilities)
        return probabilities

    sample = SegDataSample(seg_logits=PixelData(data=foreground))
    refine(sample, np.zeros((5, 4, 3), np.uint8), crf)
    expected = torch.cat([1 - foreground, foreground]).numpy()
    np.testing.assert_allclose(seen[0], expected, atol=1e-6)
    assert torch.equal(sample.pred_sem_seg.data, (foreground > 0.5).long())


@pytest.mark.usefixtures('pydensecrf')
def test_refines_a_sample() -> None:
    probabilities, image = scene(9, 9)
    sample = SegDataSample()
    logits = torch.from_numpy(probabilities).log() + 5
    sample.set_data({'seg_logits': PixelData(data=logits)})
    assert refine(sample, image, CRF) is sample
    expected = torch.from_numpy(exact(CRF, probabilities, image)).argmax(0, keepdim=True)
    assert sample.pred_sem_seg.data.dtype == torch.int64
    assert torch.equal(sample.pred_sem_seg.data, expected)
    assert torch.equal(sample.seg_logits.data, logits)


def test_published_sets() -> None:
    """The rows of spec 0."""
    assert build_crf('v1') == DenseCRF(5, 50, 10, 3, 3, iterations=10)
    assert build_crf('v1-largefov') == DenseCRF(4, 121, 5, 3, 3)
    assert build_crf('v1-msc-largefov') == DenseCRF(4, 83, 5, 3, 3)
    assert build_crf('v2-vgg16') == DenseCRF(4, 65, 3, 2, 2)
    assert build_crf('v2-r101') == DenseCRF(
        bi_w=4, bi_xy_std=67, bi_rgb_std=3, pos_w=3, pos_xy_std=1
    )
    assert len(PUBLISHED) == 9
    assert build_crf('v2-r101', iterations=2, pos_w=7) == DenseCRF(4, 67, 3, 7, 1, 2)


@pytest.mark.parametrize(
    'config', ['deeplabv1_vgg16_voc', 'deeplabv1_vgg16-msc_voc', 'deeplabv2_vgg16_voc']
)
def test_configs_name_published_sets(config: str) -> None:
    from mmengine.config import Config
    from places import ROOT

    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    assert build_crf(**cfg.crf).iterations == 10


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        (dict(published='v3'), "v2-r101, got 'v3'"),
        (dict(bi_w=3), r"without published all but iterations. Got \['bi_w'\]"),
        (dict(published='v1', sigma=3), 'sigma'),
    ],
)
def test_refuses_unknown_names(options: dict, text: str) -> None:
    with pytest.raises(UserError, match=text):
        build_crf(**options)


@pytest.mark.parametrize(
    ('probabilities', 'image'),
    [
        (np.ones((1, 4, 5), np.float32), np.zeros((4, 5, 3), np.uint8)),
        (np.ones((2, 4, 5), np.float32), np.zeros((5, 4, 3), np.uint8)),
        (np.ones((2, 4, 5), np.float32), np.zeros((4, 5, 3), np.float32)),
    ],
)
def test_refuses_shapes_that_do_not_go_together(
    probabilities: np.ndarray, image: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r'uint8 image \(H, W, 3\), got'):
        CRF(probabilities, image)


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'pydensecrf', None)
    with pytest.raises(UserError, match='pip install pydensecrf2'):
        CRF(*scene())
