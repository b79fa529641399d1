#!/usr/bin/env python3
"""Evaluate a checkpoint; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.test import main

if __name__ == '__main__':
    sys.exit(main())
