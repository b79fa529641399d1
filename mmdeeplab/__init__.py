"""mmdeeplab: the DeepLab line (v1, v2, v3, v3+) as an OpenMMLab plugin.

Importing the package loads nothing else; the registries in :mod:`mmdeeplab.registry` import the
parts when a config first names one.
"""

__version__ = '0.1.0'
