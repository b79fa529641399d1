"""Fixtures of the commands' tests."""

from tools_conftest import data, tool, trained

__all__ = ['data', 'tool', 'trained']
