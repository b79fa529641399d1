"""The page in a browser: every way in, what is seen, what is kept, and what goes wrong."""

import base64
import io
import os
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('uvicorn', reason="needs the extra 'serve'")
pytest.importorskip('playwright', reason='needs playwright')

from playwright import sync_api as playwright
from serving import CLASSES, LIMITS, Serve, truth
from test_http import encoded

from mmdeeplab.visualization.colorize import palette_picture
from mmdeeplab.visualization.voc_palette import voc_palette

CHROMIUM = os.environ.get('CHROMIUM') or shutil.which('chromium') or shutil.which('google-chrome')
FLAGS = ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
HEIGHT, WIDTH = 60, 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason='needs chromium on the path, or in CHROMIUM'),
]


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, serve: Serve) -> Iterator[Any]:
    """An open page; at the end it has asked nobody else and made no mistake."""
    url = serve()
    context = browser.new_context(
        viewport=dict(width=1000, height=700), reduced_motion='reduce', permissions=['camera']
    )
    page = context.new_page()
    errors, asked = [], []
    page.on('pageerror', lambda error: errors.append(str(error)))
    page.on('request', lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector('.strip img')
    playwright.expect(page.locator('#model')).to_have_text('DeepLabv0 on a stub')
    yield page
    context.close()
    assert errors == []
    assert len(asked) > 8
    own = (url, 'blob:', 'data:')
    assert [other for other in asked if not other.startswith(own)] == []


def give(page: Any, data: bytes, name: str = 'a.png', kind: str = 'image/png') -> None:
    page.set_input_files('#file', dict(name=name, mimeType=kind, buffer=data))


def segmented(page: Any) -> None:
    page.wait_for_selector('#stage[data-state=done]', timeout=20_000)


def seen(page: Any, x: float, y: float) -> list[int]:
    """RGBA of the layer of classes at a point of the picture, 0 to 1."""
    return page.evaluate(
        '([x, y]) => { const c = document.querySelector(".labels"); return [...c.getContext("2d")'
        '.getImageData(x * c.width, y * c.height, 1, 1).data] }',
        [x, y],
    )


def put_pointer(page: Any, x: float, y: float) -> None:
    box = page.locator('#view').bounding_box()
    page.mouse.move(box['x'] + x * box['width'], box['y'] + y * box['height'])


def lit(page: Any) -> list[str]:
    return page.locator('.row.lit > span:first-of-type').all_text_contents()


def test_a_file_is_segmented_and_explored(page: Any) -> None:
    give(page, encoded(HEIGHT, WIDTH))
    segmented(page)
    rows = page.locator('.row').all_inner_texts()
    assert [row.split('\n') for row in rows] == [
        ['right', '50.0 %'],
        ['left', '33.3 %'],
        ['background', '16.7 %'],
    ]
    assert '120 × 60' in page.locator('#summary').inner_text()  # noqa: RUF001
    palette = voc_palette(4)
    assert seen(page, 0.9, 0.5) == [*palette[2], 153]
    assert seen(page, 0.1, 0.5) == [*palette[1], 153]
    assert seen(page, 0.4, 0.5)[3] == 0  # the background stays as it is
    put_pointer(page, 0.2, 0.2)
    assert page.locator('.tip').inner_text() == 'left 33.3 %'
    assert lit(page) == ['left']
    assert seen(page, 0.1, 0.5) == [*palette[1], 153]
    assert seen(page, 0.9, 0.5)[3] == seen(page, 0.4, 0.5)[3] == 189  # veiled
    page.mouse.move(2, 2)
    assert page.locator('.tip').is_hidden()
    assert lit(page) == []
    page.hover('.row >> nth=0')
    assert lit(page) == ['right']
    assert seen(page, 0.1, 0.5)[3] == 189


def test_the_keyboard_does_it_all(page: Any) -> None:
    give(page, encoded(HEIGHT, WIDTH))
    segmented(page)
    page.focus('.grip')
    for key, wanted in (('ArrowRight', 2), ('PageUp', 12), ('End', 100), ('ArrowLeft', 98)):
        page.keyboard.press(key)
        assert page.locator('.grip').get_attribute('aria-valuenow') == str(wanted)
    page.keyboard.press('Home')
    page.focus('#opacity')
    page.keyboard.press('End')
    assert page.locator('#opacity-value').inner_text() == '100 %'
    assert seen(page, 0.9, 0.5)[3] == 255
    page.focus('.row >> nth=1')
    assert lit(page) == ['left']
    page.keyboard.press('Enter')
    page.focus('#opacity')
    assert lit(page) == ['left']  # pinned
    assert page.locator('.row[aria-pressed=true]').count() == 1
    page.focus('.row >> nth=1')
    page.keyboard.press('Enter')
    page.focus('#again')
    assert lit(page) == []
    page.keyboard.press('Enter')
    assert page.locator('#stage').get_attribute('data-state') == 'empty'
    assert page.evaluate('document.activeElement.id') == 'choose'


def test_before_and_after(page: Any) -> None:
    give(page, encoded(HEIGHT, WIDTH))
    segmented(page)
    box = page.locator('.grip').bounding_box()
    page.mouse.move(box['x'] + 20, box['y'] + 20)
    page.mouse.down()
    put_pointer(page, 0.4, 0.6)
    page.mouse.up()
    assert page.locator('.grip').get_attribute('aria-valuenow') == '40'
    shape = page.evaluate('getComputedStyle(document.querySelector(".labels")).clipPath')
    assert float(shape.removeprefix('inset(0px 0px 0px ').removesuffix('%)')) == pytest.approx(40)
    put_pointer(page, 0.9, 0.2)
    assert page.locator('.grip').get_attribute('aria-valuenow') == '40'


def test_downloads(page: Any) -> None:
    data = encoded(HEIGHT, WIDTH)
    give(page, data, 'my.cat.png')
    segmented(page)
    with page.expect_download() as waiting:
        page.click('#mask')
    assert waiting.value.suggested_filename == 'my.cat-mask.png'
    mask = np.array(Image.open(waiting.value.path()))
    assert np.array_equal(mask, truth(HEIGHT, WIDTH))
    with page.expect_download() as waiting:
        page.click('#overlay')
    assert waiting.value.suggested_filename == 'my.cat-overlay.png'
    overlay = np.array(Image.open(waiting.value.path()).convert('RGB')).astype(float)
    image = np.array(Image.open(io.BytesIO(data))).astype(float)
    colours = np.array(voc_palette(4), float)[truth(HEIGHT, WIDTH)]
    wanted = np.where(truth(HEIGHT, WIDTH)[..., None] > 0, 0.4 * image + 0.6 * colours, image)
    assert np.abs(overlay - wanted).max() <= 2


GIVE = """([event, kind, data, type, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  if (name) carried.items.add(new File([bytes], name, { type }));
  const key = event === 'paste' ? 'clipboardData' : 'dataTransfer';
  dispatchEvent(new globalThis[kind](event, { [key]: carried, cancelable: true }));
}"""


@pytest.mark.parametrize(('event', 'kind'), [('drop', 'DragEvent'), ('paste', 'ClipboardEvent')])
def test_drop_and_paste(page: Any, event: str, kind: str) -> None:
    data = base64.b64encode(encoded(HEIGHT, WIDTH)).decode()
    page.evaluate(GIVE, [event, kind, '', '', ''])
    assert 'picture' in page.locator('#fault').inner_text()
    page.evaluate(GIVE, [event, kind, data, 'image/png', 'a.png'])
    segmented(page)
    assert page.locator('#fault').is_hidden()


def test_the_camera(page: Any) -> None:
    page.click('#use-camera')
    for _ in range(100):
        page.wait_for_timeout(100)
        if page.evaluate('document.querySelector("video").videoWidth'):
            break
    page.click('#camera-take')
    segmented(page)
    assert not page.locator('#camera').is_visible()
    assert page.evaluate('document.querySelector("video").srcObject') is None


def test_examples(page: Any) -> None:
    buttons = page.locator('.strip button')
    assert buttons.count() == 6
    buttons.nth(3).click()
    segmented(page)
    assert buttons.nth(3).get_attribute('aria-current') == 'true'
    buttons.nth(1).click()
    playwright.expect(buttons.nth(1)).to_have_attribute('aria-current', 'true')
    assert page.locator('[aria-current]').count() == 1
    segmented(page)


HOLD = """() => {
  const make = createImageBitmap;
  window.createImageBitmap = (...what) => {
    if (what.length < 2 || window.release) return make(...what);  // a picture, or a later mask
    return new Promise((done) => (window.release = () => done(make(...what))));
  };
}"""


def test_a_result_that_comes_too_late_is_dropped(page: Any) -> None:
    page.evaluate(HOLD)
    give(page, encoded(HEIGHT, WIDTH), 'first.png')
    for _ in range(100):
        if page.evaluate('Boolean(window.release)'):
            break
        page.wait_for_timeout(50)
    give(page, encoded(30, 40), 'second.png')
    segmented(page)
    page.evaluate('window.release()')
    page.wait_for_timeout(300)
    assert '40 × 30' in page.locator('#summary').inner_text()  # noqa: RUF001
    assert page.locator('#mask').get_attribute('download') == 'second-mask.png'


@pytest.mark.parametrize(
    ('data', 'name', 'words'),
    [
        (b'I am a cat. ' * 99, 'cat.txt', 'This is not a picture that can be read'),
        (encoded(300, 300, 'JPEG')[:-9000], 'cut.jpg', 'The JPEG picture is cut or damaged.'),
        (bytes(LIMITS.max_bytes + 1), 'large.jpg', 'This file has 1 MB; at most 1 MB'),
        (encoded(1001, 1000, 'JPEG', quality=5), 'wide.jpg', '1000 x 1001 pixels'),
        (b'', 'empty.png', 'The request holds no picture.'),
    ],
)
def test_what_goes_wrong_is_said_and_the_next_picture_works(
    page: Any, data: bytes, name: str, words: str
) -> None:
    give(page, data, name, 'image/jpeg')
    page.wait_for_selector('#fault:not([hidden])')
    assert words in page.locator('#fault').inner_text()
    assert page.locator('#stage').get_attribute('data-state') == 'empty'
    give(page, encoded(HEIGHT, WIDTH))
    segmented(page)
    assert page.locator('#fault').is_hidden()


def test_a_server_that_is_gone(page: Any) -> None:
    page.route('**/api/segment', lambda route: route.abort())
    give(page, encoded(HEIGHT, WIDTH))
    page.wait_for_selector('#fault:not([hidden])')
    assert page.locator('#fault').inner_text() == 'The server does not answer.'


def test_every_id_survives_the_browser(page: Any) -> None:
    every = np.arange(256, dtype=np.uint8).reshape(8, 32)
    file = io.BytesIO()
    palette_picture(every).save(file, 'PNG')
    read = page.evaluate(
        'async (data) => { const { readMask } = await import("/mask.js"); const bytes = '
        'Uint8Array.from(atob(data), (c) => c.charCodeAt(0)); const mask = await readMask('
        'new Blob([bytes], { type: "image/png" })); return [...mask.ids]; }',
        base64.b64encode(file.getvalue()).decode(),
    )
    assert read == every.ravel().tolist()


def test_any_width(page: Any) -> None:
    give(page, encoded(90, 50))
    segmented(page)
    for width in (320, 400, 700, 1400):
        page.set_viewport_size(dict(width=width, height=860))
        assert page.evaluate('document.documentElement.scrollWidth') <= width
        box = page.locator('#view').bounding_box()
        assert box['width'] / box['height'] == pytest.approx(50 / 90, rel=0.02)
        assert box['height'] <= 860
    page.click('#again')
    assert page.locator('#legend li').count() == len(CLASSES)
    for width in (320, 400, 700, 1400):
        page.set_viewport_size(dict(width=width, height=860))
        assert page.evaluate('document.documentElement.scrollWidth') <= width


def test_controls_have_names(page: Any) -> None:
    """Whatever can be used has a name for those who listen."""
    give(page, encoded(HEIGHT, WIDTH))
    segmented(page)
    unnamed = page.evaluate(
        '[...document.querySelectorAll("button, a, input:not([hidden]), [role=slider]")].filter('
        'e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || '
        'e.querySelector("img[alt]:not([alt=\'\'])"))).map(e => e.outerHTML)'
    )
    assert unnamed == []


def test_a_portrait_and_its_buttons_are_in_view(browser: Any, serve: Serve) -> None:
    page = browser.new_page(viewport=dict(width=1280, height=800), reduced_motion='reduce')
    page.goto(serve())
    give(page, encoded(300, 200))
    segmented(page)
    for name in ('#view', '#mask', '#overlay', '#again'):
        box = page.locator(name).bounding_box()
        assert 0 <= box['y'] < box['y'] + box['height'] <= 800
    assert not page.locator('.api').is_visible()
    page.click('#api summary')
    assert page.locator('.api').is_visible()
    page.close()
