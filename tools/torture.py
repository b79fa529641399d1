#!/usr/bin/env python3
"""Break training and evaluation on purpose and count what survives; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.torture import main

if __name__ == '__main__':
    sys.exit(main())
