"""Write docs/transfer.json and its picture: ``python docs/make_transfer.py WORK_DIR SCRATCH_DIR``.

The work dirs are those of a run of configs/deeplabv3plus_mobilenetv2-coral_camvid.py with
``load_from`` and of one without.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main(transfer: str, scratch: str) -> None:
    """Read the logs of both runs, keep the validations, draw them."""
    from matplotlib.figure import Figure

    from mmdeeplab.report.curves import draw
    from mmdeeplab.report.history import read_history

    runs = {'from VOC': transfer, 'from scratch': scratch}
    curves = {name: read_history(folder)['mIoU'] for name, folder in runs.items()}
    (ROOT / 'docs' / 'transfer.json').write_text(json.dumps(curves, indent=1) + '\n')
    figure = Figure((6.4, 3.6), layout='constrained')
    draw(figure.subplots(), 'Validation mIoU on CamVid', curves)
    figure.savefig(ROOT / 'docs' / 'images' / 'transfer.png', dpi=110)


if __name__ == '__main__':
    main(*sys.argv[1:])
