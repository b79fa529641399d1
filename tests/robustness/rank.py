"""One rank of the toy's run under torchrun: ``python -m robustness.rank``."""

import argparse
import os
import signal
import time
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.find import newest_valid
from mmdeeplab.engine.distributed.lost_rank import explained
from mmdeeplab.randomness import derive
from robustness.tiny import fingerprint, run_state, tiny_runner


class Fate(Hook):
    """Write ``iteration-RANK`` and ``pid-RANK``; die once in each life but the last."""

    priority = 'VERY_HIGH'

    def __init__(self, args: argparse.Namespace, rank: int) -> None:
        self.args, self.rank = args, rank
        self.file = args.folder / f'iteration-{rank}'
        (args.folder / f'pid-{rank}').write_text(str(os.getpid()))
        life = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0))
        draw = derive(args.seed, life)
        self.end = -1
        if life < args.deaths and draw % 2 == rank:
            self.end = 1 + draw // 2 % 5
        self.steps = 0

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.steps += 1
        if self.steps == self.end:
            os.kill(os.getpid(), signal.SIGKILL)
        beside = self.file.with_suffix('.new')
        beside.write_text(str(runner.iter + 1))
        beside.replace(self.file)
        time.sleep(self.args.pace)


def main() -> None:
    """Train; rank 0 writes the fingerprint of the end to ``end``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--iters', type=int, required=True)
    parser.add_argument('--pace', type=float, default=0.0, help='seconds a step')
    parser.add_argument('--deaths', type=int, default=0, help='lives that end early')
    parser.add_argument('--timeout', type=int, default=300)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    rank = int(os.environ['RANK'])
    work = args.folder / 'work'
    runner = tiny_runner(
        work,
        args.iters,
        interval=2 if args.deaths else 10**6,
        resume=newest_valid(work).path is not None,
        hooks=[Fate(args, rank)],
        launcher='pytorch',
        env_cfg=dict(dist_cfg=dict(backend='gloo', timeout=args.timeout)),
    )
    with explained(runner):
        runner.train()
    if rank == 0:
        (args.folder / 'end').write_text(fingerprint(run_state(runner)))


if __name__ == '__main__':
    main()
