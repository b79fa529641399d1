"""``python -m benchmarks.gpu``: what one GPU shows, right and fast, in at most twelve minutes."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from mmdeeplab.cli.common import command
from mmdeeplab.errors import UserError, did_you_mean

MINUTES = 12.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m benchmarks.gpu', description=__doc__)
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='results.json, the page gpu.md, logs, traces; '
        'a second call goes on with the pieces that are missing there'
    )  # fmt: skip
    parser.add_argument(
        '--only', nargs='+', default=[], metavar='NAME', help='these pieces, also if they were run'
    )
    parser.add_argument('--list', action='store_true', help='name the pieces, run nothing')
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument('--tiny', action='store_true', help='sizes of a test: no rates')
    parser.add_argument(
        '--minutes', type=float, default=MINUTES, metavar='N', help='stop after %(default)s'
    )
    return parser


def action(args: argparse.Namespace) -> None:
    """Run the pieces that are asked for, or that are missing.

    Raises:
        UserError: No such piece, no folder, no GPU.
    """
    from benchmarks.gpu.pieces import PIECES

    names = [piece.name for piece in PIECES]
    for name in args.only:
        if name not in names:
            hint = did_you_mean(name, names) or f'; there are {", ".join(names)}'
            raise UserError(f'--only: no piece is called {name}{hint}')
    if args.list:
        for piece in PIECES:
            print(f'{piece.name:<17} {piece.limit:>4.0f} s  {piece.question}')
        return
    if args.out is None:
        raise UserError('--out DIR is missing: where results and page go')
    if args.device == 'cpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    import torch

    if args.device == 'cuda' and not torch.cuda.is_available():
        raise UserError('PyTorch sees no GPU here; --device cpu --tiny tries the command without')
    from benchmarks.gpu.run import PAGE, RESULTS, read, run

    done = read(args.out / RESULTS)['pieces']
    wanted = args.only or [name for name in names if name not in done]
    if not torch.backends.cuda.is_built():
        warm()
    args.out.mkdir(parents=True, exist_ok=True)
    run([p for p in PIECES if p.name in wanted], args.out, args.device, args.tiny, args.minutes)
    print(f'{args.out / PAGE}, {args.out / RESULTS}')


def warm() -> None:
    """Import once what pieces need that are forked."""
    import matplotlib.backends.backend_agg  # noqa: F401

    import mmdeeplab.engine.runner  # noqa: F401
    from mmdeeplab.config.load import quiet_imports
    from mmdeeplab.weights.reference_models import load

    quiet_imports()
    with suppress(ImportError):
        load('segmentation_models_pytorch')


main = command(_parser, action)

if __name__ == '__main__':
    sys.exit(main())
