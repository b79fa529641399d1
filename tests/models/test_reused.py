"""Memory is taken again only when nothing holds it any more."""

import copy
import pickle

import torch

from mmdeeplab.models.buffer_pool import KEPT, Reused
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor


def test_free_memory_is_taken_again() -> None:
    memory = Reused()
    place = memory.empty(2, 3, 5).data_ptr()
    assert memory.empty(3, 10).data_ptr() == place
    assert memory.empty(31).data_ptr() != place


def test_memory_that_is_held_is_not() -> None:
    memory = Reused()
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
        held = hold(memory.empty(30))
        busy = memory.arrays[0].ctypes.data
        assert memory.empty(30).data_ptr() != busy, name
        del held
        place = memory.arrays[0].ctypes.data
        assert memory.empty(30).data_ptr() == place, name


def test_little_is_kept_and_nothing_copied() -> None:
    memory = Reused()
    for size in range(9):
        memory.empty(size)
    assert len(memory.arrays) == KEPT
    assert copy.deepcopy(memory).arrays == pickle.loads(pickle.dumps(memory)).arrays == []


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
