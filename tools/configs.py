#!/usr/bin/env python3
"""List the configs that come with the package; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.configs import main

if __name__ == '__main__':
    sys.exit(main())
