"""Where numbers of training go besides the log: ``vis_backends`` of a config, TensorBoard first."""

import importlib.util
from collections.abc import Sequence

from mmdeeplab.errors import UserError

PACKAGE = 'tensorboard'


def with_backends(visualizer: dict, backends: Sequence[dict]) -> dict:
    """The visualizer's config with the config's own ``vis_backends`` added to its backends.

    A config that sets ``vis_backends`` does not reach the visualizer of its base, which was built
    from the base's list.

    Raises:
        UserError: TensorBoard is wanted and its package is missing.
    """
    wanted = list(visualizer.get('vis_backends') or [])
    wanted += [backend for backend in backends if backend not in wanted]
    for backend in wanted:
        if str(backend.get('type')).endswith('TensorboardVisBackend'):
            require_tensorboard()
    return dict(visualizer, vis_backends=wanted)


def require_tensorboard() -> None:
    """Refuse to start without the package.

    Raises:
        UserError: It is missing.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise UserError(
            'vis_backends asks for TensorboardVisBackend, but TensorBoard is not installed: '
            "pip install tensorboard (the extra 'tensorboard')"
        )
