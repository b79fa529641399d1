#!/usr/bin/env python3
"""Print what a network costs and sees; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.analyze import main

if __name__ == '__main__':
    sys.exit(main())
