#!/usr/bin/env python3
"""Make PASCAL VOC 2012 ready; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.prepare_voc import main

if __name__ == '__main__':
    sys.exit(main())
