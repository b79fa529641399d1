"""Check that the packages of the extra ``export`` are installed."""

import importlib

from mmdeeplab.errors import UserError

ONNX = ('onnx', 'onnxscript', 'onnxruntime')


def require(feature: str, packages: tuple[str, ...]) -> None:
    """Refuse to go on without some packages, which ``feature`` needs.

    Raises:
        UserError: A package cannot be imported; it has the command that installs it.
    """
    missing = []
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(package)
    if missing:
        raise UserError(
            f'{feature} needs {" and ".join(missing)}: pip install {" ".join(missing)} '
            "(the extra 'export')"
        )
