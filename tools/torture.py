#!/usr/bin/env python3
"""Break training and evaluation on purpose and count what survives; see ``--help``."""

import sys

import _env

sys.path.insert(1, str(_env.ROOT / 'tests'))  # in a checkout only

from robustness.command import main

if __name__ == '__main__':
    sys.exit(main())
