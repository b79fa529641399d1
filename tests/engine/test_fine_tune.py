"""Fine-tuning: what is taken, what is re-made, what is refused, and that it is said."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmdeeplab.checkpoint.fine_tune import FineTuned, classifier_keys, fine_tune, fit_channels
from mmdeeplab.errors import UserError


class Network(nn.Module):
    """A backbone of three convolutions, a head and a classifier."""

    def __init__(self, classes: int, channels: int = 3, width: int = 4) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(channels, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, 6, 1, bias=False)
        )
        self.decode_head = nn.ModuleDict(
            {'refine': nn.Conv2d(6, 11, 1, bias=False), 'conv_seg': nn.Conv2d(11, classes, 1)}
        )


def run(source: nn.Module, own: nn.Module, classes: int, **kwargs: object) -> FineTuned:
    keys = classifier_keys(own, classes)
    return fine_tune(source.state_dict(), own.state_dict(), 'a.pth', keys, **kwargs)


def test_rows_of_equal_names_are_copied_and_no_others() -> None:
    source, own = Network(3), Network(4)
    result = run(
        source,
        own,
        4,
        source_classes=('sky', 'Car', 'cat'),
        model_classes=('a', 'b', 'car', 'sky'),
    )
    weight = result.state['decode_head.conv_seg.weight']
    there, here = (n.decode_head['conv_seg'].weight for n in (source, own))
    assert torch.equal(weight[2], there[1])
    assert torch.equal(weight[3], there[0])
    assert torch.equal(weight[:2], here[:2])
    bias = result.state['decode_head.conv_seg.bias']
    assert torch.equal(bias[2:], source.decode_head['conv_seg'].bias[[1, 0]])
    sentence = result.sentence('a.pth')
    assert 'classifier re-made 3 -> 4; 2 classes copied by name: car, sky' in sentence
    assert sentence.startswith('loaded 10 tensors from a.pth')
    own.load_state_dict(result.state)
    assert torch.equal(own.backbone[0].weight, source.backbone[0].weight)


def test_names_are_compared_as_when_a_checkpoint_is_tested() -> None:
    source, own = Network(2), Network(3)
    names = dict(source_classes=('diningtable', 'car'), model_classes=('a', 'Car', 'Dining Table'))
    result = run(source, own, 3, **names)
    weight = source.decode_head['conv_seg'].weight
    assert torch.equal(result.state['decode_head.conv_seg.weight'][1:], weight.flip(0))
    assert '2 classes copied by name: Car, Dining Table' in result.sentence('a.pth')


@pytest.mark.parametrize(('before', 'after'), [(1, 2), (2, 1)])
def test_one_logit_for_two_classes_has_no_row_for_either(before: int, after: int) -> None:
    source, own = Network(before), Network(after)
    result = run(source, own, after, source_classes=('a', 'b'), model_classes=('a', 'b'))
    weight = own.decode_head['conv_seg'].weight
    assert torch.equal(result.state['decode_head.conv_seg.weight'], weight)
    assert f'classifier re-made {before} -> {after}' in result.sentence('a.pth')


def test_classes_in_another_order_follow_their_names() -> None:
    source, own = Network(2), Network(2)
    result = run(source, own, 2, source_classes=('a', 'b'), model_classes=('b', 'a'))
    weight = source.decode_head['conv_seg'].weight
    assert torch.equal(result.state['decode_head.conv_seg.weight'], weight.flip(0))


def test_equal_classes_are_taken_whole_and_without_a_note() -> None:
    source, own = Network(2), Network(2)
    result = run(source, own, 2, source_classes=('a', 'b'), model_classes=('a', 'b'))
    assert all(torch.equal(v, source.state_dict()[k]) for k, v in result.state.items())
    assert result.notes == []


def test_unknown_names_are_said() -> None:
    assert 'does not name its classes' in run(Network(3), Network(4), 4).sentence('a.pth')


def test_a_layer_as_wide_as_the_classes_are_many_is_no_classifier() -> None:
    """``refine`` has 11 outputs, as the classifier has; renamed classes must not shuffle it."""
    source, own = Network(11), Network(11)
    names = tuple('abcdefghijk')
    result = run(source, own, 11, source_classes=names, model_classes=names[::-1])
    taken = result.state['decode_head.refine.weight']
    assert torch.equal(taken, source.decode_head['refine'].weight)


def test_a_head_may_be_missing_and_is_named() -> None:
    own, source = Network(2), Network(2)
    del source.decode_head['refine']
    result = run(source, own, 2)
    assert 'left as initialised: decode_head.refine (1)' in result.sentence('a.pth')
    assert torch.equal(result.state['decode_head.refine.weight'], own.decode_head['refine'].weight)


def test_another_backbone_is_refused_with_every_tensor() -> None:
    with pytest.raises(UserError) as error:
        run(Network(2, width=5), Network(2), 2)
    text = str(error.value)
    assert '0% of the 7 tensors of the backbone' in text
    assert 'backbone.0.weight: file (5, 3, 3, 3), model (4, 3, 3, 3)' in text


def test_the_share_can_be_lowered() -> None:
    source, own = Network(2), Network(2)
    del source.backbone[2]
    with pytest.raises(UserError, match=r'backbone\.2\.weight'):
        run(source, own, 2)
    result = run(source, own, 2, min_backbone=0.5)
    assert 'left as initialised: backbone.2 (1)' in result.sentence('a.pth')


@pytest.mark.parametrize('channels', [1, 2, 4, 7])
def test_equal_channels_answer_as_before(channels: int) -> None:
    kernel = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    grey = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    old = F.conv2d(grey.expand(-1, 3, -1, -1), kernel)
    new = F.conv2d(grey.expand(-1, channels, -1, -1), fit_channels(kernel, channels))
    torch.testing.assert_close(new, old)


def test_further_channels_keep_the_colours() -> None:
    kernel = torch.randn(5, 3, 3, 3)
    fitted = fit_channels(kernel, 4)
    torch.testing.assert_close(fitted[:, :3], kernel * 0.75)


def test_the_first_kernel_is_fitted_and_said() -> None:
    source, own = Network(2), Network(2, channels=5)
    result = run(source, own, 2)
    expected = fit_channels(source.backbone[0].weight, 5)
    torch.testing.assert_close(result.state['backbone.0.weight'], expected)
    assert 'first kernel fitted from 3 to 5 channels' in result.sentence('a.pth')
