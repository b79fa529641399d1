"""Carry out runs, one JSON each; what is finished is not done again."""

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.ablation.plan import BANDS, Run, Settings
from mmdeeplab import __version__
from mmdeeplab.config.bases import chain
from mmdeeplab.config.shipped import HOME
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.report.history import read_rows

Runner = Callable[[Run, Settings, Path], dict]


def complete(
    runs: Sequence[Run], settings: Settings, out: Path, runner: Runner | None = None
) -> None:
    """Carry out what has no ``OUT/runs/NAME.json`` yet.

    Args:
        runs: What the table needs, in order.
        settings: Shared by all of them.
        out: Results; the work dirs are beside them.
        runner: Does one run in an empty work dir and returns its result; :func:`train_and_test`.

    Raises:
        UserError: OUT holds results of other settings, or a run fails.
    """
    runner = runner or train_and_test
    data = digest_of_folder(Path(settings.data))
    origins = {run.name: made_from(run, data) for run in runs}
    waiting = [run for run in runs if not is_finished(run, settings, out, origins[run.name])]
    (out / 'runs').mkdir(parents=True, exist_ok=True)
    if len(waiting) < len(runs):
        print(f'{len(runs) - len(waiting)} of {len(runs)} runs are finished', flush=True)
    begin = time.monotonic()
    with tqdm(waiting, 'runs', unit='run', disable=None) as bar:
        for done, run in enumerate(bar, 1):
            started = time.monotonic()
            work = out / 'work' / run.name
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            result = runner(run, settings, work)
            for checkpoint in work.glob('*.safetensors'):
                checkpoint.unlink()
            now = time.monotonic()
            shared = dict(variant=run.variant.name, config=run.variant.config, seed=run.seed)
            shared |= dict(settings=settings.as_json(), made_from=origins[run.name])
            shared |= dict(elapsed=round(now - started, 1))
            write_json(result_path(run, out), shared | result)
            left = (now - begin) / done * (len(waiting) - done) / 60
            tqdm.write(
                f'[{done}/{len(waiting)}] {run.name}: mIoU {result["mIoU"]:.2f}, '
                f'{result["seconds_per_step"]:.2f} s a step, {now - started:.0f} s in all; '
                f'{left:.0f} min left',
                file=sys.stdout,
            )
            sys.stdout.flush()


def result_path(run: Run, out: Path) -> Path:
    return out / 'runs' / f'{run.name}.json'


def made_from(run: Run, data: str) -> dict[str, str]:
    """Version of the program, and SHA-256 of the run's config with its bases and of its data."""
    config = digest(*chain(HOME / run.variant.config))
    return dict(version=__version__, config_sha256=config, data_sha256=data)


def digest_of_folder(folder: Path) -> str:
    """SHA-256 of the names and contents of all files below a folder."""
    hasher = hashlib.sha256()
    for path in sorted(path for path in folder.rglob('*') if path.is_file()):
        hasher.update(f'{path.relative_to(folder)} {digest(path)}\n'.encode())
    return hasher.hexdigest()


def is_finished(run: Run, settings: Settings, out: Path, origin: dict[str, str]) -> bool:
    """Whether a run's result is there, with the same settings and made from the same.

    Raises:
        UserError: It was made with others.
    """
    path = result_path(run, out)
    if not path.is_file():
        return False
    result = json.loads(path.read_text())
    before = result['settings'] | result.get('made_from', {})
    changed = [
        f'{key} {before.get(key)!r}, now {value!r}'
        for key, value in (settings.as_json() | origin).items()
        if before.get(key) != value
    ]
    if changed:
        raise UserError(
            f'{path} was made with {"; ".join(changed)}: choose another --out, or delete it'
        )
    return True


def write_json(path: Path, content: object) -> None:
    """Write at one stroke: a file that is there is whole."""
    with placing(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + '\n')


def train_and_test(run: Run, settings: Settings, work: Path) -> dict:
    """Train and evaluate by the project's own commands."""
    config = str(HOME / run.variant.config)
    train(config, run.seed, settings, work)
    metrics = test(config, settings, work)
    scores = {key: metrics[key] for key in ('mIoU', 'trimap')}
    return scores | costs(config, settings.options) | dict(seconds_per_step=median_step(work))


def train(config: str, seed: int, settings: Settings, work: Path) -> None:
    """``tools/train.py`` to its last step, which alone leaves a checkpoint."""
    last = settings.iters
    training = [
        f'randomness.seed={seed}',
        f'train_cfg.max_iters={last}',
        f'train_cfg.val_begin={last + 1}',  # test.py evaluates
        f'default_hooks.checkpoint.interval={last}',
        'default_hooks.checkpoint.save_best=None',
        'default_hooks.checkpoint.save_optimizer=False',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
    ]
    options = ['--cfg-options', *settings.options]
    call('train.py', [config, *places(settings, work), *options, *training], work)


def test(config: str, settings: Settings, work: Path, *more: str) -> dict:
    """``metrics.json`` of ``tools/test.py``, with bands around borders.

    Args:
        config: Path of the config.
        settings: Of all runs.
        work: Where the checkpoint is.
        more: Further options of the command.
    """
    bands = f'test_evaluator.trimap=({",".join(map(str, BANDS))},)'
    options = [*more, '--cfg-options', *settings.options, bands]
    shared = places(settings, work)
    call('test.py', [config, str(work), *shared, '--out', str(work), *options], work)
    metrics: dict = json.loads((work / 'metrics.json').read_text())
    return metrics


def scores(metrics: dict) -> dict:
    """What the tables with intervals need of ``metrics.json``."""
    return {key: metrics[key] for key in ('mIoU', 'trimap', 'per_image')}


def places(settings: Settings, work: Path) -> list[str]:
    """Options that tell a command where the data and its work dir are."""
    return ['--data-root', str(Path(settings.data).resolve()), '--work-dir', str(work)]


def call(tool: str, arguments: list[str], work: Path) -> None:
    """Run ``tools/TOOL``; what it prints goes to ``WORK/output.txt``.

    Raises:
        UserError: It fails; with its last lines.
    """
    log = work / 'output.txt'
    with log.open('a') as stream:
        command = [sys.executable, str(HOME / 'tools' / tool), *arguments]
        status = subprocess.run(
            command, stdout=stream, stderr=subprocess.STDOUT, check=False
        ).returncode
    if status:
        tail = '\n'.join(log.read_text().splitlines()[-5:])
        raise UserError(f'{tool} ended with status {status}, see {log}; its last lines:\n{tail}')


def median_step(work: Path) -> float:
    """Median seconds of a training step, its wait for data included."""
    return statistics.median(row['time'] for row in logged(work))


def logged(work: Path) -> list[dict]:
    """What MMEngine's log has of every training step."""
    (scalars,) = work.glob('*/vis_data/scalars.json')
    return [row for row in read_rows(scalars) if 'loss' in row]


def costs(config: str, options: Sequence[str]) -> dict:
    """Parameters, and multiply-adds by input side: 513 and the config's own crop."""
    import torch
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from mmdeeplab.config.load import load_config
    from mmdeeplab.config.options import ConfigOptions
    from mmdeeplab.models.analysis import multiply_adds, parameters

    cfg = load_config(config, ConfigOptions(options))
    init_default_scope(cfg.default_scope)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    crop = max(cfg.model.data_preprocessor['size'])
    counts = {n: sum(multiply_adds(model, (1, 3, n, n)).values()) for n in (513, crop)}
    return dict(
        parameters=parameters(model),
        multiply_adds={str(side): count for side, count in counts.items()},
        crop=crop,
        batch_size=cfg.train_dataloader.batch_size,
    )
