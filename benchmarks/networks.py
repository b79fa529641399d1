"""Networks to time, ours and the peers', with random weights and statistics that fit them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.case import Skip, Work
from mmdeeplab.config.shipped import config_path
from mmdeeplab.inference.accelerate import Tolerance
from mmdeeplab.inference.accelerate.openvino import core
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.processor import has_bf16, has_vnni
from mmdeeplab.weights import reference_models

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
ANY = Tolerance(100, 0, None)
LIMITS = {'bf16': 'bf16', 'int8': 'int8'}
CALIBRATION = 129  # pixels a side of the image that gives norms their statistics


def picture(height: int, width: int = 0) -> np.ndarray:
    """Something with edges and areas: (height, width, 3) uint8, a square by default."""
    rng = np.random.default_rng(0)
    size = height, width or height
    coarse = torch.from_numpy(rng.random((1, 3, *(max(side // 32, 2) for side in size)))).float()
    smooth = F.interpolate(coarse, size, mode='bilinear')[0].permute(1, 2, 0).numpy()
    return np.clip(255 * smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


@torch.no_grad()
def calibrate(model: nn.Module, forward: Callable[[Tensor], object]) -> None:
    """Give the norms the statistics of a picture; without, values grow or die in deep networks."""
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # plain averages
        norm.reset_running_stats()
    model.train()
    image = torch.from_numpy(picture(CALIBRATION - 1)).permute(2, 0, 1)[None].float()
    forward(torch.cat([image, image.flip(3)]) / 64 - 2)
    model.eval()
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


@torch.no_grad()
def multiply_adds(forward: Callable[[Tensor], object], shape: tuple[int, ...]) -> int:
    """Multiply-adds of the convolutions and matrix products that one pass executes."""
    with FlopCounterMode(display=False) as counter:
        forward(torch.zeros(shape))
    return counter.get_total_flops() // 2


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def require(name: str) -> ModuleType:
    """Import a peer.

    Raises:
        Skip: It is not installed.
    """
    try:
        return reference_models.load(name)
    except ImportError as error:
        raise Skip(f'{error}: python -m benchmarks peers') from error


def plain(model: nn.Module, side: int, batch: int = 1, by_openvino: bool = False) -> Work:
    """Pictures in, labels out, as a user of a bare network writes it: eager or by OpenVINO, fp32.

    Raises:
        Skip: OpenVINO is wanted and not installed.
    """

    def eager(x: Tensor) -> Tensor:
        output = model(x)
        return output['out'] if isinstance(output, dict) else output

    calibrate(model, eager)
    forward = openvino_run(model, (batch, 3, side, side)) if by_openvino else eager
    images = [picture(side)] * batch
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, STD))

    @torch.no_grad()
    def call() -> np.ndarray:
        inputs = [torch.from_numpy(image).permute(2, 0, 1).float() for image in images]
        logits = forward((torch.stack(inputs) - mean) / std)
        full = F.interpolate(logits, (side, side), mode='bilinear', align_corners=False)
        return full.argmax(1).to(torch.uint8).numpy()

    cost = multiply_adds(eager, (batch, 3, side, side))
    return Work(call, batch, parameters(model), cost, 'fp32')


def openvino_run(model: nn.Module, shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """A peer's network by OpenVINO, as its documentation exports one, for inputs of one shape.

    Raises:
        Skip: It is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise Skip(f'{error}: pip install openvino') from error
    converted = openvino.convert_model(model, example_input=torch.zeros(shape), input=list(shape))
    threads = str(torch.get_num_threads())
    hints = {'INFERENCE_PRECISION_HINT': 'f32', 'INFERENCE_NUM_THREADS': threads}
    network = core().compile_model(converted, 'CPU', hints)
    return lambda x: torch.from_numpy(network(x.numpy())[0])


def smp(
    encoder: str, side: int, batch: int = 1, classes: int = 21, by_openvino: bool = False
) -> Work:
    """segmentation_models_pytorch's DeepLabV3Plus; its sides are multiples of 16."""
    module = require('segmentation_models_pytorch')
    model = module.DeepLabV3Plus(encoder, encoder_weights=None, classes=classes)
    return plain(model, max(side // 16, 2) * 16, batch, by_openvino)


def torchvision(name: str, side: int) -> Work:
    """torchvision's network."""
    models = require('torchvision').models.segmentation
    return plain(getattr(models, name)(weights=None, weights_backbone=None, num_classes=21), side)


def mmseg(config: str, side: int) -> Work:
    """mmsegmentation's network, by its own ``inference_model`` and its VOC pipeline."""
    import mmseg as package
    from mmseg.apis import inference_model, init_model

    init_default_scope('mmseg')
    path = Path(package.__file__).parent / '.mim' / 'configs' / f'{config}.py'
    if not path.is_file():
        raise Skip(f'this mmsegmentation ships no {path.name}')
    cfg = Config.fromfile(path)
    cfg.model.decode_head.num_classes = 21
    for step in cfg.test_pipeline:
        if step.type == 'Resize':  # the short side to 512 in full
            step.scale = (4 * side, max(side - 1, 1))
    model = revert_sync_batchnorm(init_model(cfg, device='cpu'))
    model.cfg = cfg
    calibrate(model, lambda x: model._forward(x))
    image = picture(side)
    cost = multiply_adds(lambda x: model._forward(x), (1, 3, side, side))

    def call() -> np.ndarray:
        result = inference_model(model, image)
        return result.pred_sem_seg.data[0].numpy().astype(np.uint8)

    count = parameters(model) - parameters(model.auxiliary_head)  # unused in inference
    return Work(call, 1, count, cost, 'fp32')


def ours(
    config: str,
    side: int | tuple[int, int],
    folder: Path,
    batch: int = 1,
    fast: bool | str = False,
    cut: Mapping[str, Any] | None = None,
    **options: object,
) -> Work:
    """Our predictor: pictures in, labels out.

    Args:
        config: By its name.
        side: Of the pictures; or height and width.
        folder: For the weights.
        batch: Pictures of a call.
        fast: As of the predictor.
        cut: ``mode``, ``window`` and ``stride`` of the predictor.
        options: Keys of the model's config.

    Raises:
        Skip: This processor would compute in another precision.
    """
    settings: dict[str, Any] = dict(device='cpu', keep_logits=False, **(cut or {}))
    size = side if isinstance(side, tuple) else (side, side)
    if fast:
        if (fast == 'bf16' and not has_bf16()) or (fast == 'int8' and not has_vnni()):
            raise Skip('on this processor it would run in float32')
        settings['fast'] = fast
        settings['tolerance'] = ANY  # bytes change the labels of random weights
    model, cfg = network(config, **options)
    cfg.model.data_preprocessor.test_size = (cut['window'],) * 2 if cut else size
    weights = folder / f'{config}-{len(list(folder.iterdir()))}.pth'
    torch.save(dict(state_dict=model.state_dict()), weights)
    cost = multiply_adds(lambda x: model(x, mode='tensor'), (batch, 3, *size))
    try:
        predictor = DeepLabPredictor(cfg, weights, **settings)
    except (ImportError, NotImplementedError, RuntimeError, ValueError) as error:
        raise Skip(str(error).splitlines()[0]) from error
    finally:
        weights.unlink()
    images = [picture(*size)] * batch

    def call() -> np.ndarray:
        results: list[Segmentation] = predictor.batch(images)
        return np.stack([result.labels for result in results])

    return Work(call, batch, parameters(model), cost, LIMITS.get(str(fast), 'fp32'))


def network(config: str, **options: object) -> tuple[nn.Module, Config]:
    """One of ours by the name of its config, the same weights each time; and the config."""
    from mmseg.registry import MODELS

    init_default_scope('mmseg')
    cfg = Config.fromfile(config_path(config))
    cfg.merge_from_dict({f'model.{key}': value for key, value in options.items()})
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    calibrate(model, lambda x: model(x, mode='tensor'))
    return model, cfg
