"""A process with pretended GPUs: ``child.py FOLDER [CASE ...]`` runs cases, results.json tells.

Under the environment of ``torchrun`` it is a rank of several, on "NCCL".
"""

import json
import os
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from functools import wraps
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

import pretend  # noqa: E402

pretend.install()
RANK = os.environ.get('RANK')
if RANK is not None:
    pretend.as_nccl()

import torch  # noqa: E402
import yapf.yapflib.yapf_api  # noqa: E402
from mmengine.runner import loops  # noqa: E402

torch.set_num_threads(1)
STEPS: dict[str, dict] = {}  # the second iteration of each loop


# MMEngine lays out the config four times a run, which takes as long as a small run itself.
yapf.yapflib.yapf_api.FormatCode = lambda text, **_: (text, False)


def count_steps(loop: Any, kind: str) -> None:
    """Let a loop of MMEngine's count its iterations."""
    real = loop.run_iter

    @wraps(real)
    def run_iter(self: Any, *args: Any, **kwargs: Any) -> Any:
        with pretend.counting() as counts:
            result = real(self, *args, **kwargs)
        number = args[0] if kind != 'train' else self.runner.iter - 1
        if number == 1:
            STEPS[kind] = counts.report()
        return result

    loop.run_iter = run_iter


def run(case: Any, folder: Path) -> dict:
    """One case: what it counted, or its error and the end of what it printed."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'data').exists():
        (folder / 'data').symlink_to(folder.parent / 'data')
    STEPS.clear()
    start, error, log = time.monotonic(), '', folder / f'log{RANK or ""}.txt'
    result: Any = 0
    with log.open('w') as out, redirect_stdout(out), redirect_stderr(out):
        try:
            result = case(folder)
        except BaseException:
            error = traceback.format_exc()
    if isinstance(result, int) and result:
        error = f'exit status {result}\n{log.read_text()[-2000:]}'
    seconds = round(time.monotonic() - start, 1)
    measured = result if isinstance(result, dict) else dict(STEPS)
    return dict(error=error, seconds=seconds, **measured)


def main(folder: Path, names: list[str]) -> None:
    from cases import ONE, TWO, shallow
    from rules import check_rules

    for loop, kind in (
        *((loops.IterBasedTrainLoop, 'train'), (loops.ValLoop, 'val')),
        (loops.TestLoop, 'test'),
    ):
        count_steps(loop, kind)
    shallow()
    if RANK is not None:
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    results: dict[str, dict] = {} if RANK else dict(rules=check_rules())
    for name, case in (ONE if RANK is None else TWO).items():
        if names and name not in names:
            continue
        results[name] = run(case, folder / name)
        (folder / f'results{RANK or ""}.json').write_text(json.dumps(results, indent=1))
        print(name, results[name]['seconds'], 's', results[name]['error'][-300:], flush=True)


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2:])
