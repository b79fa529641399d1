"""Packages of the extra ``export``, asked for where something needs them."""

import importlib

from mmdeeplab.errors import UserError

ONNX = ('onnx', 'onnxscript', 'onnxruntime')


def require(what: str, packages: tuple[str, ...]) -> None:
    """Name what is missing and the command that brings it.

    Raises:
        UserError: One of the packages cannot be imported.
    """
    missing = []
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(package)
    if missing:
        raise UserError(
            f'{what} needs {" and ".join(missing)}: pip install {" ".join(missing)} '
            "(the extra 'export')"
        )
