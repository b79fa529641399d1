"""One image in, its labels out."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmdeeplab.datasets.loading import read_image
from mmdeeplab.engine.checkpoint import load_weights
from mmdeeplab.engine.finite import refuse_logits
from mmdeeplab.errors import UserError


def load_segmentor(cfg: Config, checkpoint: str | Path, device: str | None = None) -> BaseModel:
    """Build the network of ``cfg`` (wrapped for several scales or a CRF), fill it, set it to eval.

    Raises:
        UserError: The weights do not fit, or there is no such device.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model)
    load_weights(model, checkpoint)
    try:
        return model.to(device or get_device()).eval()
    except (RuntimeError, AssertionError) as error:
        raise UserError(f'--device {device}: {str(error).splitlines()[0]}') from error


@torch.no_grad()
def segment(model: BaseModel, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Segment one file as in evaluation: native size, padded by the preprocessor.

    Returns:
        The image (H, W, 3) uint8 RGB, and its class ids (H, W) uint8.

    Raises:
        UserError: The file is not an image, or the logits are not finite.
    """
    image = read_image(path)
    size = image.shape[:2]
    sample = SegDataSample(metainfo=dict(img_path=str(path), ori_shape=size, img_shape=size))
    inputs = torch.from_numpy(image).permute(2, 0, 1)
    (result,) = model.test_step(dict(inputs=[inputs], data_samples=[sample]))
    refuse_logits([result])
    labels = result.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
    return np.ascontiguousarray(image[..., ::-1]), labels
