"""A server on a free port, around a network whose answer anybody can work out."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from mmdeeplab.inference.images import read_picture
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.serve.app import Service, build_app
from mmdeeplab.serve.card import NetworkCard
from mmdeeplab.serve.examples import Example, drawn
from mmdeeplab.serve.limits import RequestLimits
from mmdeeplab.serve.server import address, listen, make_server
from mmdeeplab.visualization.voc_palette import voc_palette

CARD = NetworkCard('stub_network', 'DeepLabv0 on a stub', ('2 weights',))
CLASSES = ('background', 'left', 'right', 'top')
LIMITS = RequestLimits(max_megabytes=1, max_pixels=1_000_000, timeout=20, waiting=4)


def truth(height: int, width: int) -> np.ndarray:
    """What the stub finds: the left third is 1, the right half 2, the rest background."""
    labels = np.zeros((height, width), np.uint8)
    labels[:, : width // 3] = 1
    labels[:, width - width // 2 :] = 2
    return labels


class Stub:
    """Stands for a DeepLabPredictor; ``act`` is called before every answer."""

    classes = CLASSES
    palette = voc_palette(len(CLASSES))
    model = torch.nn.Linear(1, 1)

    def __init__(self) -> None:
        self.act: Callable[[], object] = lambda: None

    def __call__(self, picture: Image.Image) -> Segmentation:
        self.act()
        rgb = read_picture(picture)
        return Segmentation(rgb, truth(*rgb.shape[:2]), self.classes, self.palette)


Serve = Callable[..., str]


@pytest.fixture(scope='module')
def examples() -> list[Example]:
    return drawn()


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def serve(stub: Stub, examples: list[Example]) -> Iterator[Serve]:
    """Start a server with some limits; returns its address."""
    stops = []

    def start(limits: RequestLimits = LIMITS) -> str:
        service = Service(stub, CARD, limits, examples)
        listener = listen('127.0.0.1', 0)
        server = make_server(build_app(service))
        thread = threading.Thread(target=server.run, kwargs=dict(sockets=[listener]))
        thread.start()
        stops.append((server, thread))
        return address(listener)

    yield start
    for server, thread in stops:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
