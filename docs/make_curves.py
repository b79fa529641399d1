"""Write docs/NAME.json and its picture: ``python docs/make_curves.py NAME WORK_DIR WORK_DIR``.

The work dirs are those of the two runs that the page beside the picture names, in the order of
:data:`PICTURES`.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PICTURES = {
    'transfer': ('mIoU', 'Validation mIoU on CamVid', ('from VOC', 'from scratch')),
    'precision': ('loss', 'Training loss on CamVid', ('bfloat16', 'float32')),
}
"""Name -> the logged number, the title, and what the runs are called."""


def main(picture: str, *folders: str) -> None:
    """Read the logs of both runs, keep the number at each step, draw it."""
    from matplotlib.figure import Figure

    from mmdeeplab.report.curves import draw
    from mmdeeplab.report.history import read_history

    number, title, names = PICTURES[picture]
    runs = dict(zip(names, folders, strict=True))
    curves = {name: read_history(folder)[number] for name, folder in runs.items()}
    (ROOT / 'docs' / f'{picture}.json').write_text(json.dumps(curves, indent=1) + '\n')
    figure = Figure((6.4, 3.6), layout='constrained')
    draw(figure.subplots(), title, curves)
    figure.savefig(ROOT / 'docs' / 'images' / f'{picture}.png', dpi=110)


if __name__ == '__main__':
    main(*sys.argv[1:])
