"""mmdeeplab: the DeepLab line (v1, v2, v3, v3+) as an OpenMMLab plugin.

Importing the package loads nothing else; the registries in :mod:`mmdeeplab.registry` import the
parts when a config first names one.
"""

from typing import TYPE_CHECKING

from mmdeeplab.shipped import config_path

__version__ = '0.1.0'

if TYPE_CHECKING:
    from mmdeeplab.inference.predictor import DeepLabPredictor

__all__ = ['DeepLabPredictor', '__version__', 'config_path']


def __getattr__(name: str) -> object:
    if name == 'DeepLabPredictor':
        from mmdeeplab.inference.predictor import DeepLabPredictor

        return DeepLabPredictor
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
