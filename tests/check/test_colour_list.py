"""Lists of colours as the usual tools write them."""

from pathlib import Path

import pytest

from mmdeeplab.datasets.check.colour_list import read_colours
from mmdeeplab.errors import UserError

EXPECTED = {(0, 0, 0): 0, (128, 64, 128): 1, (224, 224, 192): 255, (0, 0, 142): 2}

FORMS = {
    'R G B NAME': '0 0 0 background\n128 64 128 road\n224 224 192 void\n0 0 142 car\n',
    'R,G,B,NAME': '0,0,0,background\n128,64,128,road\n224,224,192,void\n0,0,142,car\n',
    'CVAT': (
        '# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\n'
        'void:224,224,192::\ncar:0,0,142:wheel,door:turn\n'
    ),
    'CVAT without a space': (
        '#label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\n'
        'void:224,224,192::\ncar:0,0,142::'
    ),
    'NAME R G B': 'background 0 0 0\nroad 128 64 128\nVoid 224 224 192\nmy car 0 0 142\n',
    'CSV with ids and names': (
        'id,name,r,g,b\n0,lane 1,0,0,0\n1,road,128,64,128\n255,void,224,224,192\n2,car,0,0,142\n'
    ),
    'CSV with a header': (
        'name,r,g,b\nbackground,0,0,0\n"road",128,64,128\nvoid,224,224,192\ncar,0,0,142\n'
    ),
    'CSV, colours first': 'r;g;b;name\n0;0;0;x\n128;64;128;road\n224;224;192;void\n0;0;142;car\n',
    'tabs': 'label\tR\tG\tB\nx\t0\t0\t0\nroad\t128\t64\t128\nvoid\t224\t224\t192\ncar\t0\t0\t142\n',
    'CRLF, mark, blanks, comments': (
        '\ufeff# mine\r\n\r\n  0 0 0 x  \r\n128 64 128\r\n# void\r\n224 224 192 void\r\n0 0 142 car'
    ),
    'hex first': '#000000 x\n#804080 road\n#E0E0C0 void\n#00008e car\n',
    'hex last': 'name,color\nx,#000000\nroad,#804080\nvoid,#e0e0c0\ncar,#00008E\n',
    'JSON object': '{"x": [0,0,0], "road": [128,64,128], "void": [224,224,192], "car": "#00008e"}',
    'JSON list': (
        '[{"name": "x", "color": "#000000"}, {"title": "road", "color": [128, 64, 128]},'
        '{"label": "void", "colour": [224, 224, 192]}, {"name": "car", "rgb": [0, 0, 142]}]'
    ),
    'JSON of labels': (
        '{"labels": [{"name": "x", "color": "#000000"}, {"name": "road", "color": "#804080"},'
        '{"name": "void", "color": "#e0e0c0"}, {"name": "car", "color": "#00008e"}]}'
    ),
}


@pytest.mark.parametrize('form', FORMS)
def test_every_form_gives_the_same(form: str, tmp_path: Path) -> None:
    path = tmp_path / 'labelmap.txt'
    path.write_text(FORMS[form], encoding='utf-8', newline='')
    assert read_colours(path) == EXPECTED


def test_a_name_may_end_in_a_number(tmp_path: Path) -> None:
    (tmp_path / 'colours.txt').write_text('lane 1 0 0 255\nlane 2 0 255 0\n# 8 8\n')
    assert read_colours(tmp_path / 'colours.txt') == {(0, 0, 255): 0, (0, 255, 0): 1}


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('0 0 0 x\ncar\n', 'line 2'),
        ('0 0 0 x\n300 0 0 car\n', 'line 2'),
        ('0 0 0 x\n0,0,0,y\n', r'line 2: the colour \(0, 0, 0\) occurs twice'),
        ('name r g b\nname r g b\n', 'names no colour'),
        ('# nothing\n', 'names no colour'),
        ('{"x": [0, 0]}', 'entry 1'),
        ('{"x": ', 'no JSON'),
        ('1.5 0 0 x\n', 'line 1'),
        ('-1 0 0 x\n', 'line 1'),
        ('0 128 64 128\n', 'line 1.*four numbers'),
        ('id,r,g,b,name\n0,128,64,128,road\n', 'line 2.*four numbers'),
        ('road,128,64,128,255\n', 'line 1.*four numbers'),
        ('name r g b a\nsky 0 0 0 0\nthe road 128 64 128 255\n', 'line 2.*four numbers'),
        ('{"classes": 3}', 'entry 1: 3 is no colour'),
    ],
)
def test_what_is_no_colour_is_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / 'colours.txt'
    path.write_text(text)
    with pytest.raises(UserError, match=words) as error:
        read_colours(path)
    assert 'colours.txt' in str(error.value)
