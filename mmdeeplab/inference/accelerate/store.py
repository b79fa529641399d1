"""Keep converted networks in the cache."""

import hashlib
import inspect
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.inference.accelerate import openvino
from mmdeeplab.inference.accelerate.artefact import METADATA
from mmdeeplab.inference.accelerate.engine_check import CalibrationPicture
from mmdeeplab.inference.accelerate.parity import TOLERANCES, Tolerance
from mmdeeplab.processor import has_vnni
from mmdeeplab.version import __version__

KEPT = 16  # networks; the least recently used ones are removed


class ConvertedNetwork(NamedTuple):
    """A network that passed the check.

    Attributes:
        engine: The engine's name.
        model: The OpenVINO model.
        notices: Why it is not wholly in the precision that was asked for; printed whenever it is
            used.
    """

    engine: str
    model: Any
    notices: list[str]


class Store:
    """One converted network in the cache: two files in the folder ``engines``.

    It serves all pictures, but for int8, and where a precision did not pass the check: then it
    serves those by which it was calibrated and checked.

    Args:
        network: The plain network with its weights.
        fast: The lowest precision that was allowed.
        pictures: The pictures of the calibration.
        tolerance: The tolerance of the check; None for the default.
    """

    def __init__(
        self,
        network: nn.Module,
        fast: bool | str,
        pictures: Sequence[CalibrationPicture],
        tolerance: Tolerance | None,
    ) -> None:
        facts = [__version__, torch.__version__, version('openvino'), str(fast)]
        facts += [repr(tolerance or TOLERANCES)]
        facts += [f'bf16 {openvino.has_bf16()}', f'vnni {has_vnni()}']
        hasher = hashlib.sha256('; '.join(facts).encode())
        hasher.update(identity(network))
        names = [] if fast == 'int8' else [hasher.hexdigest()]
        if fast is not True:
            for image, _ in pictures:
                hasher.update(content(image))
            names.append(hasher.hexdigest())
        self.folder = cache_folder() / 'engines'
        # the file for any pictures, unless int8, then the one for these pictures
        self.paths = [self.folder / f'{name[:32]}.xml' for name in names]

    def read(self) -> ConvertedNetwork | None:
        """Read the converted network; None if its files are missing or damaged."""
        for path in filter(Path.is_file, self.paths):
            try:
                model = openvino.read(path)
                metadata = json.loads(openvino.metadata_of(model))
                network = ConvertedNetwork(metadata['engine'], model, metadata['notices'])
            except Exception:  # OpenVINO's own, of several kinds
                continue
            with suppress(OSError):
                os.utime(path)
            return network
        return None

    def write(self, network: ConvertedNetwork) -> None:
        """Write a converted network; nothing happens if the folder cannot be written."""
        import openvino as runtime

        model = network.model
        metadata = dict(engine=network.engine, notices=network.notices)
        model.set_rt_info(json.dumps(metadata), [METADATA])
        path = self.paths[-1 if network.notices else 0]
        weights = path.with_suffix('.bin')
        try:
            with (
                placing(path, suffix='.xml') as graph,
                placing(weights, suffix='.bin') as binary,
            ):
                runtime.serialize(model, str(graph), str(binary))
            self._remove_old()
        except (UserError, RuntimeError):
            return

    def _remove_old(self) -> None:
        with suppress(OSError):  # another process removes them, too
            files = sorted(self.folder.glob('*.xml'), key=lambda file: file.stat().st_mtime)
            for file in files[:-KEPT]:
                file.unlink()
                file.with_suffix('.bin').unlink()


def identity(network: nn.Module) -> bytes:
    """SHA-256 of what a network's scores depend on: weights, settings and code of its layers."""
    hasher = hashlib.sha256()
    for name, layer in network.named_modules():
        settings = [(key, value) for key, value in sorted(vars(layer).items()) if simple(value)]
        hasher.update(repr((name, type(layer).__qualname__, settings)).encode())
    classes = {type(layer) for layer in network.modules()}
    for file in sorted({inspect.getfile(cls) for cls in classes if cls.__module__ != '__main__'}):
        hasher.update(Path(file).read_bytes())
    for name, value in chain(network.named_parameters(), network.named_buffers()):
        hasher.update(repr((name, tuple(value.shape), str(value.dtype))).encode())
        hasher.update(content(value))
    return hasher.digest()


def simple(value: object) -> bool:
    """Whether the text of a setting's value determines the value."""
    if isinstance(value, (tuple, list)):
        return all(simple(element) for element in value)
    return value is None or isinstance(value, (bool, int, float, str))


def content(value: torch.Tensor) -> bytes:
    """The bytes of a tensor's values."""
    flat = value.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().tobytes()
