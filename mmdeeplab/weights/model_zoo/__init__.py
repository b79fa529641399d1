"""The published checkpoints of DeepLab networks, and the cache of those that were downloaded."""

from mmdeeplab.weights.model_zoo.cache import WeightCache
from mmdeeplab.weights.model_zoo.rows import Checkpoint, Result, find, load

__all__ = ['Checkpoint', 'Result', 'WeightCache', 'find', 'load']
