"""Looks at an installation and says what is wrong with it; works where the stack does not."""

from mmdeeplab.cli.doctor.command import _parser, doctor, main

__all__ = ['_parser', 'doctor', 'main']
