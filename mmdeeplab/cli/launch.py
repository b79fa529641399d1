"""torchrun that passes SIGUSR1 on, and ends with one sentence and the failed rank's exit code."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    import argparse

    from torch.distributed import TCPStore
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure


def main(argv: list[str] | None = None) -> int:
    """Run with torchrun's arguments; return 0, or the exit code of the rank that failed first.

    It is 128 + signal if the job was interrupted or a rank was killed, and 2 if the machines did
    not find each other.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError

    args = run.get_args_parser().parse_args(argv)
    if hasattr(args, 'signals_to_handle'):  # torch 2.9 and later
        args.signals_to_handle = f'{args.signals_to_handle},SIGUSR1'
    try:
        store = meet(args)  # noqa: F841  (torchrun uses it while this name keeps it alive)
        run.run(args)
    except SignalException as error:
        return 128 + error.sigval
    except ChildFailedError as error:
        rank, failure = culprit(error)
        print(f'error: {explain(rank, failure)}', file=sys.stderr, flush=True)
        return failure.exitcode if failure.exitcode >= 0 else 128 - failure.exitcode
    except (UserError, RendezvousError) as error:
        lost = '' if isinstance(error, UserError) else 'the other machines are lost: '
        print(f'error: {lost}{error}', file=sys.stderr, flush=True)
        return 2
    return 0


def meet(args: argparse.Namespace) -> TCPStore | None:
    """Connect with the first of several machines, and choose the network interface."""
    if args.standalone or args.nnodes in ('1', '1:1'):
        return None
    from mmdeeplab.engine.distributed.rendezvous import prepare

    return prepare(args)


def culprit(error: ChildFailedError) -> tuple[int, ProcessFailure]:
    """The rank that caused a failure: one that was killed, before those that lost connections."""

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
