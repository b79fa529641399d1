"""Necks: a tuple of maps in, as many out, only the last one changed."""

from mmdeeplab.models.necks.aspp import ASPPNeck

__all__ = ['ASPPNeck']
