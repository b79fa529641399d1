"""Seeding without torch's detour over devices that are not in use."""

import random

import numpy as np
import pytest
import torch

from mmdeeplab.randomness import seed_all

NUMBERS = [0, 1, 2**32 + 7, 2**63 - 1]


@pytest.mark.parametrize('number', NUMBERS)
def test_draws_are_those_of_the_libraries_own_seeding(number: int) -> None:
    seed_all(number)
    found = random.random(), np.random.random(), torch.rand(3).tolist()
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)
    assert found == (random.random(), np.random.random(), torch.rand(3).tolist())


def test_devices_in_use_are_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(torch.cuda, 'is_initialized', lambda: True)
    monkeypatch.setattr(torch, 'manual_seed', seen.append)
    seed_all(5)
    assert seen == [5]
