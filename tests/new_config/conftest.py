"""Fixtures of the tests of new_config."""

from tools_conftest import data, forked, tool

__all__ = ['data', 'forked', 'tool']
