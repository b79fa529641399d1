"""Fixtures of the model zoo's tests."""

from https_fixtures import certificate, server

__all__ = ['certificate', 'server']
