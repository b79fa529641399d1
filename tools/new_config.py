#!/usr/bin/env python3
"""Write a config for data of your own; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.new_config import main

if __name__ == '__main__':
    sys.exit(main())
