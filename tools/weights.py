#!/usr/bin/env python3
"""List and get published checkpoints; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.weights import main

if __name__ == '__main__':
    sys.exit(main())
