"""Let MMEngine's own functions read ``.safetensors`` files.

``load_checkpoint``, mmseg's ``init_model``, ``MMSegInferencer`` and ``tools/test.py`` read files by
MMEngine's ``CheckpointLoader``, which only knows pickles. The loader here is registered with it
when this module is imported: by configs (``custom_imports``), and with every network of ours.
"""

from collections import OrderedDict
from collections.abc import Mapping

from mmengine.runner import CheckpointLoader
from torch import Tensor

CLASSIFIER = 'decode_head.conv_seg.weight'


@CheckpointLoader.register_scheme(prefixes=r'.*\.safetensors$')
def load_from_safetensors(filename: str, map_location: str | None = None) -> dict:
    """Read weights and class names from a ``.safetensors`` file of any origin.

    Optimiser state and history are not read: only our own Runner resumes. The network itself checks
    whether the weights fit (:class:`mmdeeplab.models.segmentors.EncoderDecoder`).

    Args:
        filename: The file.
        map_location: The device to read it to; by default the CPU.

    Returns:
        ``state_dict``, and ``meta`` with ``dataset_meta`` (``classes`` and ``palette``) if the
        names are known.

    Raises:
        UserError: The file is missing, broken, or holds no usable weights.
    """
    from mmdeeplab.checkpoint.load import read_checkpoint, require_weights

    checkpoint = read_checkpoint(filename, map_location or 'cpu')
    require_weights(checkpoint['state_dict'], filename)
    state = OrderedDict(checkpoint['state_dict'])
    setattr(state, '_metadata', {'': dict(source=filename)})  # noqa: B010  PyTorch's; for messages
    meta = {key: value for key, value in (checkpoint.get('meta') or {}).items() if key != 'cfg'}
    return dict(state_dict=state, meta={**meta, **_names(checkpoint, state)})


def _names(checkpoint: dict, state: Mapping[str, Tensor]) -> dict:
    """``dataset_meta`` of a file; if it names no classes, with the names that our commands use."""
    from mmdeeplab.checkpoint.fine_tune import class_names
    from mmdeeplab.visualization.voc_palette import default_names, palette_of

    names = class_names(checkpoint)
    if names is None and CLASSIFIER in state:
        names = default_names(max(len(state[CLASSIFIER]), 2))  # one logit stands for two classes
    if names is None:
        return {}
    dataset_meta = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    palette = palette_of(checkpoint, len(names))
    return dict(dataset_meta={**dataset_meta, 'classes': list(names), 'palette': palette})
