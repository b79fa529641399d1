"""Fixtures of the downloads' tests."""

from https_fixtures import certificate, server

__all__ = ['certificate', 'server']
