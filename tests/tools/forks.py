"""Run ``tools/*.py`` in forks of one process, which has imported once what they import.

A request is a line of JSON on standard input: the script, its arguments, its folder, and the files
for what it prints and says. The answer is its exit status.
"""

import json
import os
import runpy
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path


def run(script: str, arguments: list[str], cwd: str, out: str, err: str) -> int:
    """In the child: as ``python SCRIPT ARGUMENTS`` does."""
    os.chdir(cwd)
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name='__main__')
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    with redirect_stdout(sys.stderr):
        import torch

        from mmdeeplab.config.load import quiet_imports

        torch.set_num_threads(1)
        quiet_imports()
        import mmseg.evaluation
        import mmseg.visualization  # noqa: F401

        import mmdeeplab.engine.runner
        import mmdeeplab.inference.predictor  # noqa: F401
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = run(**json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == '__main__':
    main()
