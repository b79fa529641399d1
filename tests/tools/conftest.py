"""Fixtures of the commands' tests."""

from tools_conftest import data, forked, tool, trained

__all__ = ['data', 'forked', 'tool', 'trained']
