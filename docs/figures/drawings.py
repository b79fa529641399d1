"""The pictures of ``docs/family.md``, drawn by code."""

from collections.abc import Callable

from matplotlib.figure import Figure

from figures.compositions import compositions
from figures.kernels import kernels, receptive_fields
from figures.pyramids import pyramids

DRAWINGS: dict[str, Callable[[], Figure]] = {
    'kernels': kernels,
    'receptive_fields': receptive_fields,
    'pyramids': pyramids,
    'compositions': compositions,
}
"""Name of the file, without suffix, and the function that draws it."""
