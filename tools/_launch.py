#!/usr/bin/env python3
"""torchrun with our exit codes; called by _torchrun.sh."""

import sys

import _env  # noqa: F401

from mmdeeplab.cli.launch import main

if __name__ == '__main__':
    sys.exit(main())
