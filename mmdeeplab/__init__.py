"""mmdeeplab: the DeepLab line (v1, v2, v3, v3+) as an OpenMMLab plugin.

Importing the package loads nothing else; the registries in :mod:`mmdeeplab.registry` import the
parts when a config first names one.
"""

from mmdeeplab.version import __version__

TYPE_CHECKING = False  # what type checkers know by name; typing takes longer to load than this
if TYPE_CHECKING:
    from mmdeeplab.config.shipped import config_path
    from mmdeeplab.inference.predictor import DeepLabPredictor

__all__ = ['DeepLabPredictor', '__version__', 'config_path']


def __getattr__(name: str) -> object:
    if name == 'DeepLabPredictor':
        from mmdeeplab.inference.predictor import DeepLabPredictor

        return DeepLabPredictor
    if name == 'config_path':
        from mmdeeplab.config.shipped import config_path

        return config_path
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
