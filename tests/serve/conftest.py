"""The server that the tests of this folder talk to."""

from importlib.util import find_spec

if find_spec('uvicorn'):  # without it the tests themselves say that they are skipped
    from serving import examples, serve, stub

    __all__ = ['examples', 'serve', 'stub']
