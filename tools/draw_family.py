#!/usr/bin/env python3
"""Draw the pictures of docs/family.md; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.draw_family import main

if __name__ == '__main__':
    sys.exit(main())
