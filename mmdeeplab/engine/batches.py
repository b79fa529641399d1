"""Training batches are whole: a last batch of one image has no variance to normalise by."""

from typing import Any

from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader

from mmdeeplab.datasets.exact import ExactSampler
from mmdeeplab.errors import UserError


def whole_batches(loader: dict) -> dict:
    """``drop_last`` for a training loader that does not choose itself."""
    return loader if 'batch_sampler' in loader else dict(dict(drop_last=True), **loader)


def require_batches(loader: DataLoader) -> None:
    """Refuse a loader that would give nothing.

    Raises:
        UserError: Fewer images than a batch has, and a sampler that ends.
    """
    images: Any = loader.dataset
    if len(loader) == 0 and not isinstance(loader.sampler, (InfiniteSampler, ExactSampler)):
        raise UserError(
            f'{len(images)} training images make no batch of {loader.batch_size}: set '
            'train_dataloader.batch_size, or sampler=dict(type="mmdeeplab.ExactSampler")'
        )
