#!/usr/bin/env python3
"""Make a data set that papers report ready; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.prepare_data import main

if __name__ == '__main__':
    sys.exit(main())
