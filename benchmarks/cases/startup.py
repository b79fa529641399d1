"""What is paid before and beside the work: imports, help, the Runner's iterations."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from mmengine.runner import Runner

from benchmarks.case import Comparison, Scale, Variant, Work
from mmdeeplab.engine.runner import DeepLabRunner

ROOT = Path(__file__).resolve().parents[2]
IMPORT = 'import time; a = time.perf_counter(); import {}; print(time.perf_counter() - a)'


def setup(scale: Scale) -> list[Comparison]:
    """Imports in fresh interpreters, every command's help, one iteration."""
    tools = sorted(path.name for path in (ROOT / 'tools').glob('[a-z]*.py'))
    return [imports(), helps(tools[: scale.of(99, 1)]), iterations(scale)]


def imports() -> Comparison:
    """Compare importing mmseg, which loads its models, with ours, which loads them when used."""

    def fresh(name: str) -> Work:
        def call() -> float:
            code = f'import warnings; warnings.simplefilter("ignore"); {IMPORT.format(name)}'
            done = subprocess.run(
                [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
            )
            return float(done.stdout.split()[-1])

        return Work(call, own_seconds=True)

    variants = (
        Variant('import mmseg', partial(fresh, 'mmseg'), 'mmseg'),
        Variant('import mmdeeplab', partial(fresh, 'mmdeeplab')),
    )
    bounds = {'import mmdeeplab': 50.0}
    return Comparison(
        'import in a fresh interpreter', variants, 'import mmseg', unit='import', bounds=bounds
    )


def helps(tools: list[str]) -> Comparison:
    """Time every command's help beside a bare interpreter, whose time no command can save."""

    def command(*arguments: str) -> Callable[[], Work]:
        line = [sys.executable, *arguments]
        return lambda: Work(lambda: subprocess.run(line, cwd=ROOT, capture_output=True, check=True))

    rows = [Variant('python -c pass', command('-c', 'pass'), 'python')]
    rows += [Variant(f'tools/{name} --help', command(f'tools/{name}', '--help')) for name in tools]
    bounds = {variant.name: 1000.0 for variant in rows[1:]}
    return Comparison('help', tuple(rows), rows[0].name, unit='process', bounds=bounds)


def iterations(scale: Scale) -> Comparison:
    """Time training iterations of a network without arithmetic; ours have hooks, sampler, guard."""
    from benchmarks.noop import seconds

    count = scale.of(500, 5)

    def ready(runner_type: type[Runner], ours: bool) -> Work:
        def call() -> float:
            return seconds(runner_type, Path(mkdtemp(dir=scale.folder)), count, ours)

        return Work(call, count, own_seconds=True)

    variants = (
        Variant("MMEngine's Runner", partial(ready, Runner, False), 'mmengine'),
        Variant('DeepLabRunner', partial(ready, DeepLabRunner, True)),
    )
    title = 'an iteration of a network without arithmetic (goal: 0.05 ms more than the reference)'
    return Comparison(
        title, variants, variants[0].name, unit='iteration', extra={'DeepLabRunner': 0.05}
    )
