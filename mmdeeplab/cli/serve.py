"""A page to try a network in a browser: drop a picture, see its classes; also over HTTP."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import add_config_options, command
from mmdeeplab.cli.inference import add_inference_options, make_predictor
from mmdeeplab.config.data import datasets
from mmdeeplab.config.load import quiet_imports
from mmdeeplab.errors import UserError
from mmdeeplab.serve.limits import RequestLimits
from mmdeeplab.weights.resolve import resolve

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.serve.app import Service


def _parser() -> argparse.ArgumentParser:
    limits = RequestLimits()
    parser = argparse.ArgumentParser(prog='serve.py', description=__doc__)
    parser.add_argument('model', help='a config, or a name of `weights.py list`')
    parser.add_argument('checkpoint', nargs='?', help="a config's weights, or a work dir")
    parser.add_argument('--host', default='127.0.0.1', help='%(default)s: this machine alone')
    parser.add_argument('--port', type=int, default=7860, help='%(default)s; 0: any free one')
    parser.add_argument(
        '--examples', metavar='DIR', help='pictures to try (drawn ones, of a network of those)'
    )
    parser.add_argument(
        '--max-megabytes', type=float, default=limits.max_megabytes, metavar='N', help='%(default)s'
    )
    parser.add_argument(
        '--max-pixels', type=int, default=limits.max_pixels, metavar='N', help='%(default)s'
    )
    parser.add_argument(
        '--timeout',
        type=float,
        default=limits.timeout,
        metavar='S',
        help='seconds for an upload, and again for waiting and segmenting (%(default)s)',
    )
    parser.add_argument('--device', default=None, help='cpu, cuda, cuda:1 (the best there is)')
    add_inference_options(parser)
    add_config_options(parser)
    return parser


def serve(args: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    require_packages()
    quiet_imports()
    from mmdeeplab.serve.app import build_app
    from mmdeeplab.serve.server import address, listen, run

    listener = listen(args.host, args.port)
    with listener:
        app = build_app(make_service(args))
        print(f'{address(listener)} shows {args.model}; Ctrl-C ends it', flush=True)
        if not is_loopback(args.host):
            print('whoever reaches this address can use it: there is no password', flush=True)
        run(app, listener)


def make_service(args: argparse.Namespace) -> Service:
    """Make the service: the network, the limits of requests, and example pictures."""
    from mmdeeplab.serve.app import Service
    from mmdeeplab.serve.card import card_of
    from mmdeeplab.serve.examples import drawn, from_folder

    limits = RequestLimits(args.max_megabytes, args.max_pixels, args.timeout)
    examples = from_folder(args.examples, limits) if args.examples else None
    predictor = make_predictor(args, resolve(args.model, args.checkpoint), False)
    if predictor.bands != 3 or predictor.pixels:
        bands = predictor.pixels or predictor.bands
        raise UserError(f'serve takes photographs of 3 bands, this network {bands}: use predict')
    if examples is None:
        examples = drawn() if of_drawn_scenes(predictor.cfg) else []
    return Service(predictor, card_of(predictor, Path(args.model).stem), limits, examples)


def of_drawn_scenes(cfg: Config) -> bool:
    """Whether a config's data set is the miniature VOC."""
    roots = [str(dataset.get('data_root', '')) for dataset in datasets(cfg, 'test')]
    return any(Path(root).name == 'mini-voc' for root in roots)


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def require_packages() -> None:
    """Raise a UserError with the command that installs missing packages, if there are any."""
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(
            f'the page needs {error.name}: pip install starlette uvicorn python-multipart '
            '(the extra "serve")'
        ) from error


main = command(_parser, serve)
