"""Exact evaluation: integer confusion matrices and what follows from them."""

from mmdeeplab.evaluation.metric import SegMetric

__all__ = ['SegMetric']
