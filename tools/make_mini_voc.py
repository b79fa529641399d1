#!/usr/bin/env python3
"""Draw a miniature data set in the layout of PASCAL VOC 2012; see ``--help``."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.make_mini_voc import main

if __name__ == '__main__':
    sys.exit(main())
