#!/usr/bin/env python3
"""Segment images; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.predict import main

if __name__ == '__main__':
    sys.exit(main())
