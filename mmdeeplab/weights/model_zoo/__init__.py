"""The published checkpoints of the family, and a cache of those that were fetched."""

from mmdeeplab.weights.model_zoo.cache import WeightCache
from mmdeeplab.weights.model_zoo.rows import Checkpoint, Result, find, load

__all__ = ['Checkpoint', 'Result', 'WeightCache', 'find', 'load']
