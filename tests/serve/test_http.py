"""The HTTP interface: right answers, one at a time, and a sentence for everything else."""

import base64
import contextlib
import http.client
import io
import json
import logging
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('uvicorn', reason="needs the extra 'serve'")

from serving import CARD, CLASSES, LIMITS, Serve, Stub, truth
from starlette.applications import Starlette

from mmdeeplab.errors import UserError
from mmdeeplab.serve.app import PICTURES, Service, build_app
from mmdeeplab.serve.limits import RequestLimits
from mmdeeplab.serve.server import make_server
from mmdeeplab.visualization.voc_palette import voc_palette


def encoded(height: int = 30, width: int = 60, kind: str = 'PNG', **options: object) -> bytes:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, kind, **options)
    return file.getvalue()


def ask(
    url: str, path: str, body: object = None, method: str | None = None, **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    names = {name.replace('_', '-'): value for name, value in headers.items()}
    connection.request(method or ('GET' if body is None else 'POST'), path, body, names)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def ids(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)))


def form(data: bytes, name: str = 'image', filename: str = '; filename="a.png"') -> dict:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
    body = head.encode() + data + b'\r\n--b--\r\n'
    return dict(body=body, Content_Type='multipart/form-data; boundary=b')


def test_a_picture_comes_back_as_classes_and_a_mask(serve: Serve) -> None:
    url, data = serve(), encoded(30, 60)
    status, body, headers = ask(url, '/api/segment', data)
    assert (status, headers['content-type']) == (200, 'application/json')
    answer = json.loads(body)
    assert (answer['width'], answer['height']) == (60, 30)
    assert np.array_equal(ids(base64.b64decode(answer['mask'])), truth(30, 60))
    colours = ['#' + bytes(colour).hex() for colour in voc_palette(4)]
    rows = [(row['id'], row['name'], row['colour'], row['area']) for row in answer['classes']]
    assert rows == [
        (2, 'right', colours[2], pytest.approx(30 / 60)),
        (1, 'left', colours[1], pytest.approx(20 / 60)),
        (0, 'background', colours[0], pytest.approx(10 / 60)),
    ]
    chunks = (data[i : i + 100] for i in range(0, len(data), 100))
    others = [form(data), dict(body=chunks)]
    for other in others:
        again = json.loads(ask(url, '/api/segment', **other)[1])
        assert again | dict(seconds=0) == answer | dict(seconds=0)


@pytest.mark.parametrize('kind', ['JPEG', 'WEBP', 'GIF', 'BMP'])
def test_other_formats(serve: Serve, kind: str) -> None:
    status, body, _ = ask(serve(), '/api/segment', encoded(20, 24, kind))
    assert status == 200
    assert np.array_equal(ids(base64.b64decode(json.loads(body)['mask'])), truth(20, 24))


def test_a_turned_photograph_is_turned_back(serve: Serve) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(30, 60, 'JPEG', exif=exif)
    _, body, _ = ask(serve(), '/api/segment', data)
    answer = json.loads(body)
    assert (answer['width'], answer['height']) == (30, 60)


def test_pictures_of_a_result(serve: Serve) -> None:
    url, data = serve(), encoded()
    status, mask, headers = ask(url, '/api/segment?kind=masks', data)
    assert (status, headers['content-type']) == (200, 'image/png')
    assert np.array_equal(ids(mask), truth(30, 60))
    colours = np.array(voc_palette(4), np.uint8)[truth(30, 60)]
    assert np.array_equal(ids(ask(url, '/api/segment?kind=color', data)[1]), colours)
    overlay = ids(ask(url, '/api/segment?kind=overlay', data)[1])
    assert np.abs((ids(data) + colours.astype(float)) / 2 - overlay).max() <= 0.5


def test_what_it_says_of_itself(serve: Serve) -> None:
    url = serve()
    health = json.loads(ask(url, '/api/health')[1])
    assert health['status'] == 'ready'
    assert (health['model'], health['title'], health['facts']) == (*CARD[:2], [*CARD.facts])
    assert health['max_bytes'] == 1_000_000
    assert health['max_pixels'] == LIMITS.max_pixels
    assert health['unfinished'] == 0
    classes = json.loads(ask(url, '/api/classes')[1])['classes']
    assert [(row['id'], row['name']) for row in classes] == list(enumerate(CLASSES))
    names = json.loads(ask(url, '/examples')[1])['examples']
    assert len(names) == 6
    for part in ('picture', 'thumbnail'):
        status, data, headers = ask(url, f'/examples/5/{part}')
        assert (status, headers['content-type']) == (200, 'image/jpeg')
        assert min(ids(data).shape[:2]) > 100


def test_the_description_for_tools_tells_the_truth(serve: Serve) -> None:
    """Addresses, keys of answers and statuses of refusals are those of openapi.json."""
    url = serve()
    text, headers = ask(url, '/openapi.json')[1:]
    assert headers['content-type'] == 'application/json'
    described = json.loads(text)
    schemas = described['components']['schemas']
    keys = {name: set(one['required']) for name, one in schemas.items()}
    assert set(json.loads(ask(url, '/api/health')[1])) == keys['Health']
    answer = json.loads(ask(url, '/api/segment', encoded())[1])
    assert set(answer) == keys['Segmentation']
    assert set(answer['classes'][0]) == keys['Class'] | {'area'}
    assert set(json.loads(ask(url, '/api/classes')[1])['classes'][0]) == keys['Class']
    own = {route.path for route in build_app_routes() if route.path.startswith('/api/')}
    assert set(described['paths']) == own
    post = described['paths']['/api/segment']['post']
    assert set(post['parameters'][0]['schema']['enum']) == set(PICTURES)
    wanted = {str(status) for _, status, _ in REFUSED.values()} | {'408', '500', '503', '504'}
    assert set(post['responses']) == wanted | {'200'}


def build_app_routes() -> list:
    return build_app(Service(Stub(), CARD, LIMITS, [])).app.routes


def bomb(width: int, height: int) -> bytes:
    """The head of a PNG that claims to be huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack('>I', zlib.crc32(name + data))
        return struct.pack('>I', len(data)) + name + data + check

    head = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b'IDAT', zlib.compress(bytes(100_000)))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + pixels + chunk(b'IEND', b'')


LARGE = bytes(LIMITS.max_bytes + 1)
EPS = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n'
REFUSED = {
    'nothing': (dict(body=b''), 400, 'holds no picture'),
    'text': (dict(body=b'I am a cat. ' * 99), 415, 'not a picture'),
    'svg': (dict(body=b'<svg xmlns="http://www.w3.org/2000/svg"/>'), 415, 'not a picture'),
    'eps': (dict(body=EPS), 415, 'not a picture'),
    'tiff': (dict(body=encoded(kind='TIFF')), 415, 'JPEG, PNG'),
    'cut jpeg': (dict(body=encoded(kind='JPEG')[:-400]), 400, 'JPEG picture is cut'),
    'damaged png': (dict(body=bomb(600, 600)), 400, 'PNG picture is cut'),
    'many pixels': (dict(body=bomb(1000, 1001)), 413, '1000 x 1001 pixels, at most 1 mega'),
    'bomb': (dict(body=bomb(60_000, 60_000)), 413, 'at most 1 megapixels'),
    'large': (dict(body=LARGE), 413, 'larger than 1 MB'),
    'large form': (form(LARGE), 413, 'larger than 1 MB'),
    'form without file': (form(b'hello', filename=''), 400, 'curl -F image=@'),
    'broken form': (form(b'') | dict(body=b'what?'), 400, 'form'),
    'no boundary': (form(b'x') | dict(Content_Type='multipart/form-data'), 400, 'form'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_cannot_be_done_is_said(serve: Serve, case: str) -> None:
    url = serve()
    request, wanted, words = REFUSED[case]
    status, body, headers = ask(url, '/api/segment', **request)
    assert (status, headers['content-type']) == (wanted, 'application/json')
    assert words in json.loads(body)['error']
    assert ask(url, '/api/segment', encoded())[0] == 200  # it is alive


@pytest.mark.parametrize(
    ('method', 'path', 'wanted'),
    [
        ('GET', '/api/segment', 405),
        ('POST', '/api/health', 405),
        ('GET', '/api/nothing', 404),
        ('GET', '/examples/6/picture', 404),
        ('GET', '/..%2fapp.py', 404),
        ('GET', '/%2e%2e/app.py', 404),
        ('POST', '/api/segment?kind=art', 400),
    ],
)
def test_wrong_addresses(serve: Serve, method: str, path: str, wanted: int) -> None:
    status, body, _ = ask(serve(), path, method=method)
    assert status == wanted
    assert json.loads(body)['error']


def test_a_large_upload_is_refused_before_it_is_sent(serve: Serve) -> None:
    """As curl asks: ``Expect: 100-continue``."""
    host, port = urlsplit(serve()).netloc.split(':')
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            b'POST /api/segment HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n'
            b'Content-Length: 99000000\r\n\r\n'
        )
        assert line.recv(100).startswith(b'HTTP/1.1 413')


def test_a_slow_upload_is_ended(serve: Serve) -> None:
    host, port = urlsplit(serve(RequestLimits(timeout=0.3))).netloc.split(':')
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b'POST /api/segment HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nslow')
        assert line.recv(100).startswith(b'HTTP/1.1 408')


def test_connections_without_a_request_stop_nobody(serve: Serve) -> None:
    url = serve()
    host, port = urlsplit(url).netloc.split(':')
    with contextlib.ExitStack() as stack:
        for _ in range(70):
            line = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            line.sendall(b'GET / HT')  # and no more
        assert ask(url, '/api/segment', encoded())[0] == 200


def test_many_uploads_at_once_are_refused_in_json(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mmdeeplab.serve.app.UPLOADS', 1)
    url = serve()
    host, port = urlsplit(url).netloc.split(':')
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b'POST /api/segment HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nslow')
        while (answer := ask(url, '/api/segment', encoded()))[0] != 503:
            time.sleep(0.02)
        assert 'at once' in json.loads(answer[1])['error']
        assert ask(url, '/api/health')[0] == 200
        line.sendall(b'12345')
        assert line.recv(100).startswith(b'HTTP/1.1 415')
    assert ask(url, '/api/segment', encoded())[0] == 200


def together(url: str, count: int) -> list[int]:
    """Send pictures at once; returns the numbers of the answers, sorted."""
    found: list[int] = []

    def send() -> None:
        found.append(ask(url, '/api/segment', encoded())[0])

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_one_at_a_time(serve: Serve, stub: Stub) -> None:
    busy, most, calls = [], [], []

    def act() -> None:
        busy.append(1)
        time.sleep(0.05)
        most.append(len(busy))
        busy.pop()
        calls.append(1)

    stub.act = act
    assert together(serve(), 5) == [200] * 5
    assert max(most) == 1
    assert len(calls) == 5


def test_the_line_has_an_end(serve: Serve, stub: Stub) -> None:
    """One runs, one may wait, the third is sent away; later there is room again."""
    url, go = serve(RequestLimits(waiting=1)), threading.Event()
    stub.act = lambda: go.wait(20)
    first = threading.Thread(target=together, args=(url, 2))
    first.start()
    while json.loads(ask(url, '/api/health')[1])['unfinished'] < 2:
        time.sleep(0.02)
    status, body, headers = ask(url, '/api/segment', encoded())
    go.set()
    assert status == 503
    assert headers['retry-after']
    assert 'waiting' in json.loads(body)['error']
    first.join()
    assert ask(url, '/api/segment', encoded())[0] == 200


def test_time_is_up(serve: Serve, stub: Stub) -> None:
    """What waits in vain never reaches the network."""
    url, go, calls = serve(RequestLimits(timeout=0.3)), threading.Event(), []

    def act() -> None:
        calls.append(1)
        go.wait(20)

    stub.act = act
    assert together(url, 3) == [504] * 3
    assert json.loads(ask(url, '/api/health')[1])['unfinished'] == 1
    go.set()
    while json.loads(ask(url, '/api/health')[1])['unfinished']:
        time.sleep(0.02)
    assert len(calls) == 1
    stub.act = lambda: None
    assert ask(url, '/api/segment', encoded())[0] == 200


def test_who_hangs_up_leaves_the_line(serve: Serve, stub: Stub) -> None:
    url, go, calls = serve(), threading.Event(), []

    def act() -> None:
        calls.append(1)
        go.wait(20)

    stub.act = act
    first = threading.Thread(target=together, args=(url, 1))
    first.start()
    while not calls:
        time.sleep(0.02)
    waiting = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    waiting.request('POST', '/api/segment', encoded())
    while json.loads(ask(url, '/api/health')[1])['unfinished'] < 2:
        time.sleep(0.02)
    waiting.close()
    while json.loads(ask(url, '/api/health')[1])['unfinished'] > 1:
        time.sleep(0.02)
    go.set()
    first.join()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ('error', 'wanted', 'words'),
    [
        (UserError('the logits are not finite'), 500, 'the logits are not finite'),
        (MemoryError(), 503, 'no memory for 60 x 30 pixels'),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 503, 'smaller picture'),
        (RuntimeError('a secret of the machine'), 500, 'its terminal says why'),
    ],
)
def test_failures_are_told(
    serve: Serve, stub: Stub, error: Exception, wanted: int, words: str
) -> None:
    url = serve()

    def fail() -> None:
        raise error

    stub.act = fail
    status, body, headers = ask(url, '/api/segment', encoded(30, 60))
    assert status == wanted
    assert headers['x-content-type-options'] == 'nosniff'
    assert words in json.loads(body)['error']
    stub.act = lambda: None
    assert ask(url, '/api/segment', encoded())[0] == 200


def test_log_files_of_the_process_stay_open(tmp_path: Path) -> None:
    """uvicorn's own logging settings would close them all."""
    handler = logging.FileHandler(tmp_path / 'train.log')
    make_server(Starlette())
    assert handler.stream is not None
    handler.close()
