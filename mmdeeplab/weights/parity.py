"""Compare our network with converted weights with the network that they came from."""

import importlib
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import read_bytes
from mmdeeplab.weights import reference_models
from mmdeeplab.weights.convert import Converted
from mmdeeplab.weights.reference_models import ReferenceModel
from mmdeeplab.weights.table import Array

TOLERANCE = 1e-4  # of the largest logit, or of 1 if that is less


def report(
    converted: Converted, source: str, path: Path, image: str | None = None
) -> Iterator[str]:
    """For each size of picture, yield a sentence about the difference of the two networks.

    Args:
        converted: Our weights, and the arrays that they were converted from.
        source: Their project, one of :data:`mmdeeplab.weights.convert.SOURCES`.
        path: The file that was converted.
        image: A picture; by default noise.

    Raises:
        UserError: The reference model is not installed, or the difference is larger than rounding
            errors explain.
    """
    cfg, state, part = converted.cfg, converted.state, converted.part
    reference = load_reference_model(source, converted.arrays, path, cfg)
    for (height, width), gap, scale in differences(cfg, state, part, reference, image):
        subject = f'{source} beside ours at {height} x {width}'
        if reference.labels:
            yield f'{subject}: {gap:.2%} of the pixels are labelled otherwise'
            continue
        yield f'{subject}: largest absolute difference {gap:.1e}, largest value {scale:.3g}'
        if gap > TOLERANCE * max(1, scale):
            raise UserError(f'the converted {part} does not compute what {source} does')


def load_reference_model(
    source: str, arrays: Mapping[str, Array], path: Path, cfg: Config
) -> ReferenceModel:
    """The reference model: the other project's network with ``arrays``, read from ``path``.

    Raises:
        UserError: The reference model is not installed, or the source has none.
    """
    name = f'mmdeeplab.weights.reference_models.{source}'
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UserError(
            f'--check: no package runs the networks of {source}; there is nothing to compare with'
        ) from error
    try:
        return module.build(arrays, path, cfg)
    except ImportError as error:
        raise UserError(
            f'--check: no reference model installed for {source} ({error}): '
            + getattr(module, 'INSTALL', reference_models.INSTALL)
        ) from error


def nominal_backbone(cfg: Config) -> Any:
    """The backbone of a config as in a classifier: output stride 32, no multi-grid."""
    backbone = cfg.model.backbone
    plain = dict(multi_grid=(1, 1, 1)) if 'multi_grid' in backbone else {}
    return MODELS.build({**backbone, **plain, 'output_stride': 32})


def picture(path: str | None, size: tuple[int, int]) -> Tensor:
    """Read and resize a picture, or without a path make noise: uint8 RGB (1, 3, H, W)."""
    if path is None:
        noise = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=noise)
    try:
        image = (
            Image.open(io.BytesIO(read_bytes(path, 'picture')))
            .convert('RGB')
            .resize(size[::-1], Image.Resampling.BILINEAR)
        )
    except (OSError, Image.DecompressionBombError) as error:
        raise UserError(f'--check: {path} is no picture: {error}') from error
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


def differences(
    cfg: Config,
    state: Mapping[str, Tensor],
    part: str,
    reference: ReferenceModel,
    path: str | None = None,
) -> Iterator[tuple[tuple[int, int], float, float]]:
    """Run both networks on a picture in each of the reference model's sizes.

    Args:
        cfg: The config of our network.
        state: Its converted weights.
        part: ``'model'`` or ``'backbone'``, the part that is compared.
        reference: The other project's network.
        path: A picture; by default noise.

    Yields:
        (H, W), the largest absolute difference, and the largest absolute value of the reference
        model. If that gives labels: the share of pixels with another label, and 1.
    """
    segmentor = model = MODELS.build(cfg.model).eval()
    if part == 'backbone':
        model = nominal_backbone(cfg).eval()
        state = {key.removeprefix('backbone.'): value for key, value in state.items()}
    model.load_state_dict(state)
    scaling = segmentor.data_preprocessor
    for size in reference.sizes:
        image = picture(path, size)
        x = (image - scaling.mean) / scaling.std
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # mmseg on sizes for aligned corners
            theirs = reference.run(image, x)
            if part == 'backbone':
                ours = model(x)[-1]
            else:
                ours = model.encode_decode(x, [dict(img_shape=size)])
        if reference.labels:
            yield size, (ours.argmax(1) != theirs).float().mean().item(), 1.0
            continue
        ours = F.interpolate(ours, theirs.shape[2:], mode='bilinear', align_corners=True)
        yield size, (ours - theirs).abs().max().item(), theirs.abs().max().item()
