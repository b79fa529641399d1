"""The toy's network, wherever it lies and however its labels come."""

import pytest
import torch

from robustness.tiny import Toy


@pytest.mark.parametrize('labels', [[0, 1], (1, 0), torch.tensor([0, 1])])
@pytest.mark.parametrize('device', ['meta', 'cpu'])
def test_labels_follow_the_network(device: str, labels: object) -> None:
    model = Toy().to(device)
    inputs = [torch.zeros(3, 8, 8, device=device) for _ in range(2)]
    loss = model(inputs, labels)['loss']
    assert loss.device.type == device
