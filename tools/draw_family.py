#!/usr/bin/env python3
"""Draw the pictures of docs/family.md; see ``--help``."""

import sys

import _env

sys.path.insert(1, str(_env.ROOT / 'docs'))  # in a checkout only

from figures.command import main

if __name__ == '__main__':
    sys.exit(main())
