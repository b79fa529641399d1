"""Fixtures of the check's tests."""

from tools_conftest import data, tool

__all__ = ['data', 'tool']
