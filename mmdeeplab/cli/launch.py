"""torchrun that passes SIGUSR1 on and ends in one sentence and the exit code of the culprit."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure


def main(argv: list[str] | None = None) -> int:
    """Take torchrun's arguments; return 0, or what the rank that failed first returned.

    128 + signal where the job was interrupted or a rank was killed.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    args = run.get_args_parser().parse_args(argv)
    if hasattr(args, 'signals_to_handle'):  # torch 2.9 and later
        args.signals_to_handle = f'{args.signals_to_handle},SIGUSR1'
    try:
        run.run(args)
    except SignalException as error:
        return 128 + error.sigval
    except ChildFailedError as error:
        rank, failure = culprit(error)
        print(f'error: {explain(rank, failure)}', file=sys.stderr, flush=True)
        return failure.exitcode if failure.exitcode >= 0 else 128 - failure.exitcode
    return 0


def culprit(error: ChildFailedError) -> tuple[int, ProcessFailure]:
    """The rank to blame: one that was killed before those that only lost their connection."""

    def blame(item: tuple[int, ProcessFailure]) -> tuple[bool, int]:
        code = item[1].exitcode
        return code >= 0 or code == -signal.SIGTERM, item[1].timestamp

    return min(error.failures.items(), key=blame)


def explain(rank: int, failure: ProcessFailure) -> str:
    """One sentence about a rank's end."""
    code = failure.exitcode
    if code < 0:
        how = f'was killed by {signal.Signals(-code).name}'
    elif code in (130, 138, 143):
        how = f'left in good order on {signal.Signals(code - 128).name}'
    else:
        how = f'ended with exit code {code}'
    return f'rank {rank} (process {failure.pid}) {how}; the job ends'


if __name__ == '__main__':
    sys.exit(main())
