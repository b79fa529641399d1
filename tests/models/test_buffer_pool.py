"""Memory is taken again only when nothing holds it any more."""

import copy
import pickle

import torch

from mmdeeplab.models.buffer_pool import KEPT, BufferPool
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor


def test_free_memory_is_taken_again() -> None:
    pool = BufferPool()
    place = pool.empty(2, 3, 5).data_ptr()
    assert pool.empty(3, 10).data_ptr() == place
    assert pool.empty(31).data_ptr() != place


def test_memory_that_is_held_is_not() -> None:
    pool = BufferPool()
    weight = torch.ones(30, requires_grad=True)
    holders = {
        'the tensor': lambda x: x,
        'a view': lambda x: x.view(5, 6)[1:3].unbind()[0],
        'an array': lambda x: x.numpy(),
        'the backward pass': lambda x: (weight * x).sum(),
        'a storage': lambda x: x.untyped_storage(),
        'a list': lambda x: [dict(inputs=x)],
    }
    for name, hold in holders.items():
        held = hold(pool.empty(30))
        busy = pool.arrays[0].ctypes.data
        assert pool.empty(30).data_ptr() != busy, name
        del held
        place = pool.arrays[0].ctypes.data
        assert pool.empty(30).data_ptr() == place, name


def test_little_is_kept_and_nothing_copied() -> None:
    pool = BufferPool()
    for size in range(9):
        pool.empty(size)
    assert len(pool.arrays) == KEPT
    assert copy.deepcopy(pool).arrays == pickle.loads(pickle.dumps(pool)).arrays == []


def test_batches_do_not_share_memory_while_both_are_held() -> None:
    preprocessor = DeepLabPreprocessor(size=(9, 9))
    batches = [
        preprocessor(dict(inputs=[torch.full((3, 5, 7), level, dtype=torch.uint8)]))['inputs']
        for level in (0, 255, 100)
    ]
    assert [float(batch.amax()) for batch in batches] == [0, 1, 0]
    assert [float(batch.amin()) for batch in batches[:2]] == [-1, 0]
    place = batches.pop().data_ptr()
    again = preprocessor(dict(inputs=[torch.full((3, 9, 9), 255, dtype=torch.uint8)]))['inputs']
    assert again.data_ptr() == place
    assert (again == 1).all()
