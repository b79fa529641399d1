"""The table of export formats: packages, precisions, and the modules that write and run them."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate.artefact import Run
from mmdeeplab.inference.accelerate.packages import ONNX, require

PRECISIONS = ('float', 'half', 'int8')


class Format(NamedTuple):
    """An export format.

    Its module has ``write(artefact, path)``, ``open_run(path, precision)`` and ``metadata(path)``.
    ``half`` says in what its runtime may compute files of half precision, a key of
    :data:`mmdeeplab.inference.accelerate.parity.TOLERANCES`.
    """

    suffix: str
    precisions: tuple[str, ...]
    needs: tuple[str, ...]
    runtime: str
    package: str = 'mmdeeplab.export'
    half: str = 'half'

    def module(self, name: str) -> ModuleType:
        """The module of this format.

        Raises:
            UserError: A package that it needs is not installed.
        """
        require(name, self.needs)
        return importlib.import_module(f'{self.package}.{name}')


BELOW = 'mmdeeplab.inference.accelerate'  # shared with the fast engine
FORMATS = {
    'onnx': Format('.onnx', PRECISIONS, ONNX, 'ONNX Runtime', package=BELOW),
    'openvino': Format('.xml', PRECISIONS, ('openvino',), 'OpenVINO', package=BELOW, half='bf16'),
    'pt2': Format('.pt2', ('float', 'half'), (), 'torch.export'),
    'torchscript': Format('.pt', ('float', 'half'), (), 'TorchScript'),
}


def open_artefact(path: str | Path) -> tuple[Run, dict]:
    """Load an exported file by its own runtime.

    Returns:
        A function from the input array to the output array (see
        :class:`mmdeeplab.export.graph.ExportGraph`), and the metadata: ``classes``, ``palette``,
        ``mean``, ``std``, ...

    Raises:
        UserError: The file is missing, broken or not ours, or its runtime is not installed.
    """
    path = Path(path)
    name = next((name for name, row in FORMATS.items() if row.suffix == path.suffix), None)
    if name is None or not path.is_file():
        suffixes = ', '.join(row.suffix for row in FORMATS.values())
        raise UserError(f'no exported network at {path} (a file ending in {suffixes})')
    module = FORMATS[name].module(name)
    try:
        text = module.metadata(path)
        contents = json.loads(text) if text else {}
        run = module.open_run(path, contents['precision']) if contents else None
    except Exception as error:  # every runtime has its own
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f'{FORMATS[name].runtime} cannot read {path}, it is broken: {lines[-1][:300]}'
        ) from error
    if run is None:
        raise UserError(f'{path} was not written by {tool("export")}: it tells nothing of itself')
    return run, contents
