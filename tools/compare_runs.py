#!/usr/bin/env python3
"""Compare two evaluations; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.compare_runs import main

if __name__ == '__main__':
    sys.exit(main())
