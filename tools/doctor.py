#!/usr/bin/env python3
"""Say what is wrong with an installation, also where the stack is missing; see ``--help``."""

import contextlib
import sys

with contextlib.suppress(SystemExit):  # that the stack is missing is for the doctor to say
    import _env  # noqa: F401

from mmdeeplab.cli.doctor import main

if __name__ == '__main__':
    sys.exit(main())
