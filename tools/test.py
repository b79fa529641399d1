#!/usr/bin/env python3
"""Evaluate a checkpoint; see ``--help``."""

import sys

from mmdeeplab.cli.test import main

if __name__ == '__main__':
    sys.exit(main())
