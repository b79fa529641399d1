"""``torch.hub.load('OWNER/mmdeeplab', 'predictor', NAME)``, where the stack is installed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmdeeplab import DeepLabPredictor

dependencies = ['torch', 'mmengine', 'mmcv', 'mmseg', 'safetensors']


def predictor(name: str, **options: Any) -> 'DeepLabPredictor':
    """A trained network that segments images.

    Args:
        name: A published model (``tools/weights.py list``), or as for ``from_pretrained``: a folder
            or ``OWNER/NAME`` on the Hugging Face hub.
        options: As for :class:`mmdeeplab.DeepLabPredictor`.
    """
    from mmdeeplab import DeepLabPredictor
    from mmdeeplab.weights.model_zoo import load

    if name in [row.name for row in load()]:
        return DeepLabPredictor(name, **options)
    return DeepLabPredictor.from_pretrained(name, **options)
