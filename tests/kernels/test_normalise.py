"""One pass over bytes has the bits of three."""

import pytest
import torch

from mmdeeplab.models.cpu_kernels.normalise import normalise

MEAN, STD = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])


@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('shape', [(1, 1), (7, 5), (33, 40), (16, 257)])
def test_a_window_is_filled_with_the_bits_of_pytorch(shape: tuple, reverse: bool) -> None:
    image = torch.arange(3 * shape[0] * shape[1]).mul(7).to(torch.uint8).view(3, *shape)
    whole = torch.zeros(3, shape[0] + 2, shape[1] + 9)
    out = whole[:, : shape[0], 4 : 4 + shape[1]]
    assert normalise(image, out, MEAN, STD, reverse)
    seen = image.flip(0) if reverse else image
    assert torch.equal(out, (seen - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1))
    out.zero_()
    assert not whole.any()


def test_what_the_kernel_cannot_take_is_left() -> None:
    image, out = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 4)
    assert not normalise(image.float(), out, MEAN, STD, False)
    assert not normalise(image.permute(0, 2, 1), out, MEAN, STD, False)
    assert not normalise(image, out.double(), MEAN, STD, False)
    assert not normalise(image, out.permute(0, 2, 1), MEAN, STD, False)
