"""Find the configs that come with the package, in a checkout or an installed wheel."""

from pathlib import Path

from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.fileio.input_files import is_regular


def _home() -> Path:
    """The folder of ``configs`` and ``tools``: ``mmdeeplab/.mim`` in a wheel (OpenMMLab's place
    for them), the root of the checkout otherwise."""
    package = Path(__file__).resolve().parents[1]
    installed = package / '.mim'
    return installed if installed.is_dir() else package.parent


HOME = _home()
CONFIGS = HOME / 'configs'


def config_names() -> list[str]:
    """Names of the shipped configs, such as ``deeplabv3plus_xception_voc``."""
    paths = sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('ablation/*.py')])
    return [path.relative_to(CONFIGS).with_suffix('').as_posix() for path in paths]


def config_path(name: str) -> str:
    """The file of a shipped config, for ``_base_`` in a config of one's own::

        _base_ = __import__('mmdeeplab').config_path('deeplabv3plus_xception_voc')

    MMEngine's ``'package::config'`` knows OpenMMLab's packages only, and an ``import`` line would
    make it read the file as a new-style config.

    Raises:
        UserError: There is no such config.
    """
    path = CONFIGS / f'{name}.py'
    if not path.is_file():
        raise UserError(f'no config is called {name}{did_you_mean(name, config_names())}')
    return str(path)


def find_config(request: str) -> Path:
    """Find a config by its path, or a shipped one by ``NAME``, ``NAME.py`` or ``configs/NAME.py``.

    Raises:
        UserError: There is no such config; it suggests the most similar name.
    """
    file = Path(request)
    if file.is_file():
        return file
    name = file.with_suffix('') if file.suffix == '.py' else file
    relative_name = name.relative_to('configs') if name.is_relative_to('configs') else name
    if not file.is_absolute() and relative_name.as_posix() in config_names():
        return CONFIGS / f'{relative_name}.py'
    neighbours = map(str, file.parent.glob('*.py'))
    shipped = [f'configs/{shipped_name}.py' for shipped_name in config_names()]
    wanted = request if file.suffix == '.py' else f'configs/{request}.py'
    hint = did_you_mean(wanted, [*neighbours, *shipped])
    is_regular(file, 'config')  # raises if something else is there
    raise UserError(f'no config at {request}{hint or "; `mmdeeplab configs` lists ours"}')
