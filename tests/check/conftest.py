"""Fixtures of the check's tests."""

from tools_conftest import data, forked, tool

__all__ = ['data', 'forked', 'tool']
