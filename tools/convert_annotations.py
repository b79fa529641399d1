#!/usr/bin/env python3
"""Make masks of what an annotation tool wrote; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.convert_annotations import main

if __name__ == '__main__':
    sys.exit(main())
