"""Fixtures of the tests of VOC's preparation."""

from https_fixtures import certificate, server

__all__ = ['certificate', 'server']
