"""Experiment trackers (``vis_backends`` of a config): TensorBoard, Weights & Biases, ..."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence

from mmengine import dist
from mmengine.config import Config
from mmengine.visualization import Visualizer

from mmdeeplab.config.data import type_name
from mmdeeplab.errors import UserError

# What each of MMEngine's backends imports when it starts.
PACKAGES: dict[str, tuple[str, ...]] = {
    'AimVisBackend': ('aim',),
    'ClearMLVisBackend': ('clearml',),
    'DVCLiveVisBackend': ('dvclive', 'pygit2'),
    'LocalVisBackend': (),
    'MLflowVisBackend': ('mlflow',),
    'NeptuneVisBackend': ('neptune',),
    'TensorboardVisBackend': ('tensorboard',),
    'WandbVisBackend': ('wandb',),
}


def with_backends(visualizer: Mapping, backends: Sequence[dict] | dict | None) -> dict:
    """The visualizer's config, with the config's own ``vis_backends`` added to its backends.

    A config that sets ``vis_backends`` would otherwise not change the visualizer of its base, which
    has the base's list. A backend in both lists is taken once, from the visualizer.

    Raises:
        UserError: The package of a backend is missing, or two backends share a name.
    """
    wanted: dict[str, dict] = {}
    for backend in [*_listed(visualizer.get('vis_backends')), *_listed(backends)]:
        name = backend.get('name') or type_name(backend.get('type'))
        first = wanted.setdefault(name, backend)
        if first != backend and name != 'LocalVisBackend':
            raise UserError(
                f'vis_backends and visualizer.vis_backends have {name} twice, with different '
                'arguments: take one out, or give it a name=... of its own'
            )
    require_packages([*wanted.values()])
    return dict(visualizer, vis_backends=[*wanted.values()])


def require_trackers(cfg: Config) -> None:
    """Refuse a config whose trackers lack a package, before anything is computed.

    Raises:
        UserError: The package of a tracker is missing.
    """
    with_backends(cfg.get('visualizer') or {}, cfg.get('vis_backends'))


def _listed(backends: Sequence[dict] | dict | None) -> list[dict]:
    return [backends] if isinstance(backends, Mapping) else list(backends or [])


def require_packages(backends: Sequence[dict]) -> None:
    """Look for the packages of backends without importing them.

    Raises:
        UserError: Some are missing; it has one command that installs them all.
    """
    missing = list(_missing(backends))
    if missing:
        names = ' and '.join(dict.fromkeys(name for name, _ in missing))
        packages = ' '.join(dict.fromkeys(package for _, package in missing))
        raise UserError(
            f'vis_backends asks for {names}, but {packages} is not installed: '
            f'pip install {packages}, or take the backend out of vis_backends and '
            'visualizer.vis_backends'
        )


def _missing(backends: Sequence[dict]) -> Iterator[tuple[str, str]]:
    for backend in backends:
        name = type_name(backend.get('type'))
        for package in PACKAGES.get(name, ()):
            if importlib.util.find_spec(package) is None:
                yield name, package


def start_backends(visualizer: Visualizer) -> None:
    """Start every tracker now, so that one that lacks a key, a project or a server fails at once.

    Raises:
        UserError: A tracker does not start.
    """
    if not dist.is_main_process():
        return
    for name, backend in visualizer._vis_backends.items():
        try:
            _ = backend.experiment
        except Exception as error:
            raise UserError(
                f'vis_backends: {type(backend).__name__} ({name}) does not start: '
                f'{type(error).__name__}: {error}'
            ) from error
