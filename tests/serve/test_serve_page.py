"""The page: whole, by itself, and nothing from elsewhere."""

import re

import pytest
from html_reader import Reader

pytest.importorskip('uvicorn', reason="needs the extra 'serve'")

from serving import Serve
from test_http import ask

from mmdeeplab.serve.app import PAGE

SCRIPTS = sorted(PAGE.glob('*.js'))
HTML = (PAGE / 'index.html').read_text()


def test_scripts_find_what_they_ask_for() -> None:
    ids = [attrs['id'] for _, attrs in Reader(HTML).seen if 'id' in attrs]
    assert len(ids) == len(set(ids))
    assert len(SCRIPTS) >= 4
    text = '\n'.join(path.read_text() for path in SCRIPTS)
    wanted = set(re.findall(r"(?:\bat|getElementById)\('([\w-]+)'\)", text))
    assert len(wanted) > 10
    assert wanted <= set(ids)
    imported = set(re.findall(r"from '\./([\w.]+)'", text))
    assert imported <= {path.name for path in SCRIPTS}


def test_it_can_be_read_aloud() -> None:
    seen = Reader(HTML).seen
    for tag, attrs in seen:
        if tag in ('svg', 'canvas'):
            assert 'aria-hidden' in attrs or 'aria-label' in attrs
        if tag == 'dialog' or attrs.get('role') in ('slider', 'img', 'group'):
            assert attrs.get('aria-label')
        if 'aria-labelledby' in attrs:
            assert attrs['aria-labelledby'] in [other.get('id') for _, other in seen]


def test_nothing_comes_from_elsewhere(serve: Serve) -> None:
    url = serve()
    names = ['', *(path.name for path in PAGE.iterdir()), 'style.css']
    assert len(names) >= 8
    for name in names:
        status, body, headers = ask(url, f'/{name}')
        assert status == 200
        assert "default-src 'self'" in headers['content-security-policy']
        assert headers['x-content-type-options'] == 'nosniff'
        text = body.decode().replace('http://www.w3.org/2000/svg', '')
        assert not re.search(r'https?://|@import|url\(', text), name
    scripts = ask(url, '/page.js')[2]
    assert 'javascript' in scripts['content-type']


@pytest.mark.parametrize('name', ['page.css', *(path.name for path in SCRIPTS)])
def test_sources_are_short(name: str) -> None:
    lines = (PAGE / name).read_text().splitlines()
    assert max(map(len, lines)) <= 110
    assert len(lines) < 260
