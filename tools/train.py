#!/usr/bin/env python3
"""Train a segmentation network from a config file; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.train import main

if __name__ == '__main__':
    sys.exit(main())
