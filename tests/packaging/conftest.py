"""Fixtures of the packaging tests."""

from tools_conftest import data

__all__ = ['data']
