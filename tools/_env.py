"""Find the package, and outside an activated environment the one that ``make`` built."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
if importlib.util.find_spec('mmengine') is None:
    python = ROOT / '.venv' / 'bin' / 'python'
    if not python.exists() or Path(sys.prefix) == python.parent.parent:
        sys.exit('error: the packages this needs are not installed; run `make env` in the checkout')
    os.execv(python, [str(python), *sys.argv])
