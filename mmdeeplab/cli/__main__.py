"""``python -m mmdeeplab.cli COMMAND``."""

import sys

from mmdeeplab.cli.main import dispatch

if __name__ == '__main__':
    sys.exit(dispatch())
