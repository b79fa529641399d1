"""The published checkpoints of the family, and a cache of those that were fetched."""

from mmdeeplab.weights.catalogue.cache import Cache
from mmdeeplab.weights.catalogue.rows import Checkpoint, Result, find, load

__all__ = ['Cache', 'Checkpoint', 'Result', 'find', 'load']
