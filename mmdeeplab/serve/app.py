"""The page and the HTTP interface as an ASGI application."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from mmdeeplab.errors import UserError, out_of_memory
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.report.html import style_sheet
from mmdeeplab.serve.answers import as_json, describe, notice_of
from mmdeeplab.serve.body import read_upload
from mmdeeplab.serve.card import NetworkCard
from mmdeeplab.serve.examples import Example
from mmdeeplab.serve.headers import SafeHeaders
from mmdeeplab.serve.inference_queue import InferenceQueue
from mmdeeplab.serve.limits import Refusal, RequestLimits
from mmdeeplab.serve.pictures import open_picture, readable, unpack
from mmdeeplab.version import __version__

PAGE = Path(__file__).parent / 'page'
UPLOADS = 64  # at once; their pictures are in memory
PICTURES = ('masks', 'color', 'overlay')  # what ?kind= answers with


class Service:
    """The handlers of all routes.

    Args:
        predictor: The network.
        card: The description of the network on the page.
        limits: Limits of requests.
        examples: Example pictures on the page.
    """

    def __init__(
        self,
        predictor: DeepLabPredictor,
        card: NetworkCard,
        limits: RequestLimits,
        examples: Sequence[Example],
    ) -> None:
        self.predictor, self.card, self.limits = predictor, card, limits
        self.examples = examples
        self.queue = InferenceQueue(limits)
        self.uploads = 0

    async def health(self, request: Request) -> Response:
        """Answer with the state of the server, the network's card and the limits."""
        limits = self.limits
        return JSONResponse(
            dict(
                status='ready',
                model=self.card.name,
                title=self.card.title,
                facts=self.card.facts,
                device=str(next(self.predictor.model.parameters()).device),
                version=__version__,
                unfinished=self.queue.unfinished,
                formats=readable(),
                max_bytes=limits.max_bytes,
                max_pixels=limits.max_pixels,
                timeout=limits.timeout,
            )
        )

    async def classes(self, request: Request) -> Response:
        """Answer with id, name and colour of every class."""
        rows = describe(self.predictor.classes, self.predictor.palette)
        return JSONResponse(dict(classes=rows))

    async def segment(self, request: Request) -> Response:
        """Segment the picture in the body."""
        output = request.query_params.get('kind')
        if output is not None and output not in PICTURES:
            raise Refusal(400, f'kind must be one of {", ".join(PICTURES)}, got {output!r}')
        if self.uploads >= UPLOADS:
            raise Refusal(503, 'too many pictures arrive at once; try again in a moment')
        self.uploads += 1
        try:
            data = await read_upload(request, self.limits)
        finally:
            self.uploads -= 1
        picture = open_picture(data, self.limits)
        work = partial(self.answer, picture, output, notice_of(data))
        return await self.queue.run(work, partial(disconnected, request))

    def answer(self, picture: Image.Image, output: str | None, notice: str = '') -> Response:
        """Do all the work of a request; called in the queue's thread."""
        start = time.perf_counter()
        try:
            result = self.predictor(unpack(picture))
        except UserError as error:
            raise Refusal(500, str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            size = '{} x {}'.format(*picture.size)
            raise Refusal(503, f'no memory for {size} pixels; send a smaller picture') from error
        if output is not None:
            headers = {'X-Notice': notice} if notice else None
            return Response(result.encode(output), headers=headers, media_type='image/png')
        return JSONResponse(as_json(result, time.perf_counter() - start, notice))

    async def list_examples(self, request: Request) -> Response:
        """Answer with the names of the example pictures."""
        return JSONResponse(dict(examples=[example.name for example in self.examples]))

    async def example(self, request: Request) -> Response:
        """An example's file, or its thumbnail."""
        index = request.path_params['index']
        if index >= len(self.examples):
            raise HTTPException(404)
        example = self.examples[index]
        if request.path_params['part'] == 'thumbnail':
            return Response(example.thumbnail, media_type='image/jpeg')
        return Response(example.data, media_type=example.media_type)


def build_app(service: Service) -> SafeHeaders:
    """Build the application: routes, errors as JSON, and headers."""
    stylesheet = style_sheet() + (PAGE / 'page.css').read_text(encoding='utf-8')

    async def style(request: Request) -> Response:
        return Response(stylesheet, media_type='text/css')

    app = Starlette(
        routes=[
            Route('/api/health', service.health),
            Route('/api/classes', service.classes),
            Route('/api/segment', service.segment, methods=['POST']),
            Route('/examples', service.list_examples),
            Route('/examples/{index:int}/{part}', service.example),
            Route('/style.css', style),
            Route('/', page_file),
            Route('/{name}', page_file),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _unknown, Exception: _failed},
    )
    return SafeHeaders(app)  # Starlette's own middleware does not see the answers of _failed


async def page_file(request: Request) -> Response:
    """One of the page's own files."""
    name = request.path_params.get('name', 'index.html')
    if name not in {path.name for path in PAGE.iterdir()}:
        raise HTTPException(404)
    return FileResponse(PAGE / name)


async def disconnected(request: Request) -> None:
    """Return when the client has hung up."""
    while (await request.receive())['type'] != 'http.disconnect':
        pass


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    headers = {'Retry-After': '2'} if error.status == 503 else None
    return JSONResponse(dict(error=str(error)), error.status, headers)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = f'{request.method} {request.url.path}: {error.detail}'
    return JSONResponse(dict(error=words), error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse(dict(error='the server failed; its terminal says why'), 500)
