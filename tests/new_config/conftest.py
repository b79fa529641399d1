"""Fixtures of the tests of new_config."""

from tools_conftest import data, tool

__all__ = ['data', 'tool']
