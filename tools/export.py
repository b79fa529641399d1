#!/usr/bin/env python3
"""Export a trained network; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.export import main

if __name__ == '__main__':
    sys.exit(main())
