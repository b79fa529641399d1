#!/usr/bin/env python3
"""Check the data of a config; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.check_dataset import main

if __name__ == '__main__':
    sys.exit(main())
