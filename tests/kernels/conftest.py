"""The kernels compiled on this machine."""

import ctypes

import pytest

from mmdeeplab.models.cpu_kernels import library


@pytest.fixture(scope='session', autouse=True)
def kernels() -> ctypes.CDLL:
    found = library()
    if found is None:
        pytest.skip('needs a C compiler')
    return found
