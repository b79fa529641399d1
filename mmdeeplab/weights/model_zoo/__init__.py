"""The published checkpoints of the family, and a cache of those that were fetched."""

from mmdeeplab.weights.model_zoo.cache import Cache
from mmdeeplab.weights.model_zoo.rows import Checkpoint, Result, find, load

__all__ = ['Cache', 'Checkpoint', 'Result', 'find', 'load']
