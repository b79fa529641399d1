#!/usr/bin/env python3
"""Show a network in a browser; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.serve import main

if __name__ == '__main__':
    sys.exit(main())
