"""Read the picture of a request, from its body or a form, up to the allowed size."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mmdeeplab.serve.limits import Refusal, RequestLimits

DRAIN = 8  # limits to read past the maximum: clients read no response while they are sending


async def read_upload(request: Request, limits: RequestLimits) -> bytes:
    """The body itself, or the first file of a ``multipart/form-data``.

    Raises:
        Refusal: 400 for a form without a file, 408 where the upload takes too long, 413 where it
            is too large.
    """
    try:
        body = await asyncio.wait_for(_read(request, limits), limits.timeout)
    except asyncio.TimeoutError as error:
        words = f'the picture did not arrive within {limits.timeout:g} s'
        raise Refusal(408, words) from error
    except ClientDisconnect as error:
        raise Refusal(499, 'the connection was closed') from error
    if request.headers.get('content-type', '').lower().startswith('multipart/form-data'):
        return await _file(request, body)
    return body


async def _read(request: Request, limits: RequestLimits) -> bytes:
    size, chunks = 0, []
    refusal = Refusal(413, f'the upload is larger than {limits.max_megabytes:g} MB')
    announced = request.headers.get('content-length', '0')
    if int(announced) > limits.max_bytes and 'expect' in request.headers:
        raise refusal  # the client waits for "100 Continue" before it sends
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limits.max_bytes:
            chunks.append(chunk)
        elif size > limits.max_bytes * DRAIN:
            break
        else:
            chunks.clear()
    if size > limits.max_bytes:
        raise refusal
    return b''.join(chunks)


async def _file(request: Request, body: bytes) -> bytes:
    """The first file of a form."""

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, once(), max_files=1, max_fields=8).parse()
    except (MultiPartException, KeyError) as error:
        raise Refusal(400, f'the form cannot be read: {error}') from error
    try:
        for field in form.values():
            if isinstance(field, UploadFile):
                return await field.read()
    finally:
        await form.close()
    raise Refusal(400, 'the form holds no file; send one as in: curl -F image=@bird.jpg')
