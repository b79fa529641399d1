#!/usr/bin/env python3
"""Bring weights of another project into a model of ours; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.convert_weights import main

if __name__ == '__main__':
    sys.exit(main())
