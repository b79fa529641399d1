#!/usr/bin/env python3
"""Draw a miniature data set in the layout of PASCAL VOC 2012; see ``--help``."""

import sys

from mmdeeplab.cli.make_mini_voc import main

if __name__ == '__main__':
    sys.exit(main())
