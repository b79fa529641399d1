"""The kernels compiled on this machine, also where PyTorch's own operations are faster."""

import ctypes
from collections.abc import Iterator

import pytest

from mmdeeplab.models.cpu_kernels import library
from mmdeeplab.models.cpu_kernels.build import SWITCH


@pytest.fixture(scope='module', autouse=True)
def kernels() -> Iterator[ctypes.CDLL]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, '1')
        library.cache_clear()
        found = library()
        if found is None:
            pytest.skip('needs a C compiler')
        yield found
    library.cache_clear()
