"""A miniature of PASCAL VOC 2012 drawn by code: 21 classes, seconds to make, minutes to learn."""

from typing import TYPE_CHECKING

from mmdeeplab.datasets.mini_voc.spec import MiniVoc, NotEmptyError

if TYPE_CHECKING:
    from mmdeeplab.datasets.mini_voc.folder import generate

__all__ = ['MiniVoc', 'NotEmptyError', 'generate']


def __getattr__(name: str) -> object:
    if name == 'generate':  # needs NumPy and OpenCV, the parameters do not
        from mmdeeplab.datasets.mini_voc.folder import generate

        return generate
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
