"""Write docs/precision.json and its picture: ``python docs/make_precision.py BF16_DIR FP32_DIR``.

The work dirs are those of the two runs that docs/training_speed.md names. Losses are those of the
log, each a mean over its interval.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main(bf16: str, fp32: str) -> None:
    """Read the logs of both runs, keep the losses, draw them."""
    from matplotlib.figure import Figure

    from mmdeeplab.report.curves import draw
    from mmdeeplab.report.history import read_history

    runs = {'bfloat16': bf16, 'float32': fp32}
    curves = {name: read_history(folder)['loss'] for name, folder in runs.items()}
    (ROOT / 'docs' / 'precision.json').write_text(json.dumps(curves, indent=1) + '\n')
    figure = Figure((6.4, 3.6), layout='constrained')
    draw(figure.subplots(), 'Training loss on CamVid', curves)
    figure.savefig(ROOT / 'docs' / 'images' / 'precision.png', dpi=110)


if __name__ == '__main__':
    main(*sys.argv[1:])
