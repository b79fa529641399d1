#!/usr/bin/env python3
"""Repeat the published experiments on a small scale; see ``--help``."""

import sys

import _env  # noqa: F401

from benchmarks.ablation.command import main

if __name__ == '__main__':
    sys.exit(main())
