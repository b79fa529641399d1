"""The predictor: segment images with a trained network in three lines of Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmseg.structures import SegDataSample
from torch import Tensor

from mmdeeplab.checkpoint.fine_tune import class_names
from mmdeeplab.checkpoint.key_prefixes import say
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.pixels import Pixels, evaluated_pixels
from mmdeeplab.errors import UserError
from mmdeeplab.finite import require_finite_predictions
from mmdeeplab.inference.build import load_segmentor, make_config
from mmdeeplab.inference.foreground import two_classes
from mmdeeplab.inference.images import Picture, read_as_stored, read_picture
from mmdeeplab.inference.options import InferenceOptions
from mmdeeplab.inference.save_formats import SCORES
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.inference.sliding import SlidingWindows
from mmdeeplab.inference.wrap import crf_of
from mmdeeplab.models.analysis import input_channels
from mmdeeplab.models.tf32 import set_tf32
from mmdeeplab.visualization.shown_bands import shown_bands
from mmdeeplab.visualization.voc_palette import default_names, palette_of, require_byte_ids
from mmdeeplab.weights.sharing import SharedNetwork, push, read_metrics, shared_files

if TYPE_CHECKING:
    from mmdeeplab.inference.accelerate import Tolerance


class DeepLabPredictor:
    """A trained network that segments images.

    ::

        predictor = DeepLabPredictor('configs/deeplabv3plus_xception_voc.py', 'weights.safetensors')
        result = predictor('bird.jpg')
        result.areas                        # {'background': 0.79, 'bird': 0.21}
        result.overlay().save('bird.png')

    Images keep their size and are padded by the preprocessor, as in an evaluation under the
    protocol "paper-513".

    Args:
        model: A config, the path of one, or the name of a published model
            (``tools/weights.py list``), which is downloaded with its weights.
        checkpoint: The weights for a config: a .safetensors or .pth file, or a work dir, whose
            newest checkpoint is taken.
        device: ``cpu``, ``cuda``, ``cuda:1``; by default the best one that there is.
        tta: Whether to average over six scales and their mirror images, as in the papers.
        crf: Whether the config's dense CRF refines the results.
        mode: How large images are cut: ``auto``, ``whole``, ``slide`` or ``bands``.
        window: Side of a window in pixels; by default the size that the config pads to.
        stride: Pixels from one window to the next; by default two thirds of a window.
        blend: How overlapping windows are weighted: ``hann``, ``gaussian`` or ``uniform``.
        keep_logits: Whether results keep their scores, which ``result.probabilities`` needs; they
            take C x H x W x 4 bytes per result. By default unless ``fast``.
        fast: On a CPU, run the network by OpenVINO (docs/speed.md). True: in float32, with the same
            labels except for ties in the last bits; ``'bf16'`` or ``'int8'`` allow a lower
            precision. On a GPU: True or ``'bf16'``.
        calibration: Pictures by which ``'int8'`` sets its ranges, and on which the fast network is
            compared with the plain one; by default the first picture that is segmented.
        tolerance: By how much the fast network may differ there
            (:class:`mmdeeplab.inference.accelerate.Tolerance`); by default as in export.
        allow_tf32: Whether NVIDIA's GPUs may round the factors of float32 products to TF32, in the
            whole process; by default the config's ``env_cfg.allow_tf32``, else PyTorch's default.
        options: Options for a config that is given by its path or name.

    Attributes:
        pixels: Bands and depth if pictures are read as they are stored; None: RGB of 8 bits.
        cfg: The config of the network, with the wrappers for scales and windows around it.
        shares_cores: Whether pictures of several threads go through the network at the same time.
            If not, the predictor may still be called from several threads, which take turns.

    Raises:
        UserError: A file is missing, the weights do not fit, or there is no such device.
    """

    def __init__(
        self,
        model: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | None = None,
        *,
        tta: bool = False,
        crf: bool = False,
        mode: str = 'auto',
        window: int | None = None,
        stride: int | None = None,
        blend: str = 'hann',
        keep_logits: bool | None = None,
        fast: bool | str = False,
        calibration: Iterable[Picture] = (),
        tolerance: Tolerance | None = None,
        allow_tf32: bool | None = None,
        options: ConfigOptions = ConfigOptions(),
    ) -> None:
        self.fast = fast
        self.keep_logits = not fast if keep_logits is None else keep_logits
        inference = InferenceOptions(
            tta, crf, mode=mode, window=window, stride=stride, blend=blend, fast=fast
        )
        changes = inference.changes(labels_only=not (fast or self.keep_logits or crf))
        cfg, weights = make_config(model, checkpoint, options, changes)
        in_config = (cfg.get('env_cfg') or {}).get('allow_tf32')
        set_tf32(in_config if allow_tf32 is None else allow_tf32)
        self.crf = crf_of(cfg) if crf else None
        self.cfg = cfg
        self.pixels = evaluated_pixels(cfg)
        self._warned: set[Pixels] = set()
        self.model, loaded = load_segmentor(cfg, weights, device)
        self.bands = input_channels(unwrap(self.model))
        if fast:
            from mmdeeplab.inference.accelerate import CalibrationPicture, accelerate

            network, stored = self.model, self.pixels is not None
            inputs = (prepared(network, self.read(image), stored) for image in calibration)
            pictures = map(CalibrationPicture, inputs)
            self.model = accelerate(network, fast, self.keep_logits or crf, pictures, tolerance)
        device_type = next(self.model.parameters()).device.type
        self.shares_cores = device_type == 'cpu'
        self._turn: AbstractContextManager = nullcontext() if self.shares_cores else Lock()
        require_byte_ids(count := unwrap(self.model).num_classes)
        self.classes = tuple(class_names(loaded) or default_names(count))
        self.palette = palette_of(loaded, count)
        self.licence = str((loaded.get('meta') or {}).get('licence') or 'unknown')

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> DeepLabPredictor:
        """Load a network that :meth:`save_pretrained` wrote, from a folder or the Hugging Face hub.

        The config in such a folder is data: nothing in it is executed, and it describes a network
        only.

        Args:
            name: A folder, or ``OWNER/NAME`` on the hub, which is downloaded once and verified.
            options: Arguments of the class (``device``, ``fast``, ...).

        Raises:
            UserError: There is no such folder or repository, or it is not complete.
        """
        config, weights = shared_files(name)
        return cls(config, weights, **options)

    def save_pretrained(
        self, folder: str | Path, *, licence: str | None = None, report: str | Path | None = None
    ) -> None:
        """Write the network into a folder, from which :meth:`from_pretrained` loads it.

        The folder gets ``model.safetensors``, with classes, palette and licence in its metadata,
        ``config.json`` without bases, and a model card ``README.md``. No checkout is needed to load
        them.

        Args:
            folder: The folder, made if it is missing; existing files of these names are replaced.
            licence: Licence of the weights, as an SPDX identifier; by default the checkpoint's.
            report: The folder of ``tools/test.py --out``, whose scores go into the card.

        Raises:
            UserError: The network has been replaced by a fast engine, or there is no such report.
        """
        network = unwrap(self.model)
        if self.fast:
            raise UserError(
                'save_pretrained needs a predictor without fast: that is another engine'
            )
        metrics = {} if report is None else read_metrics(report)
        SharedNetwork(
            self.cfg,
            network.state_dict(),
            classes=self.classes,
            palette=self.palette,
            licence=licence or self.licence,
        ).save(folder, metrics)

    def push_to_hub(self, repository: str, **options: Any) -> str:
        """Upload the files of :meth:`save_pretrained` by huggingface_hub; return the address.

        Args:
            repository: ``OWNER/NAME``, made if it is missing.
            options: Arguments of :meth:`save_pretrained`.

        Raises:
            UserError: huggingface_hub is not installed.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, **options)
            return push(folder, repository)

    def __call__(self, image: Picture) -> Segmentation:
        """Segment one image.

        Args:
            image: A path or https URL, an open file or its bytes, a PIL image, an RGB array
                (H, W, 3) or a grey one (H, W) of uint8, or a tensor (3, H, W) of uint8 or of floats
                in 0..1. If :attr:`pixels` is not None: a path or URL, an open file or its bytes, or
                an array (H, W, bands) of that depth.

        Raises:
            UserError: It is not an image; the message names it.
        """
        (result,) = self.batch([image])
        return result

    def batch(self, images: Iterable[Picture]) -> list[Segmentation]:
        """Segment several images in one pass of the network.

        All are padded to the size of the largest. Images that the preprocessor would pad to another
        size give slightly different results than alone, since ASPP's image pooling sees the
        padding.

        Raises:
            UserError: One is not an image, or too large for the CRF; the message names it.
        """
        pictures = []
        for image in images:
            picture = self.read(image)
            height, width = picture.shape[:2]
            in_file = isinstance(image, (str, Path))
            self.require_scores(picture, image if in_file else f'of {width} x {height} pixels')
            pictures.append(picture)
        if not pictures:
            return []
        with self._turn:
            results = segment(self.model, pictures, self.pixels is not None)
        return [self._result(*pair) for pair in zip(pictures, results, strict=True)]

    def read(self, image: Picture) -> np.ndarray:
        """Read a picture as (H, W, bands) uint8, or as stored if the config's LoadImage says so."""
        if self.pixels is not None:
            return read_as_stored(image, self.pixels)
        return read_picture(image, self.bands, self._tell_once)

    def require_scores(
        self, picture: np.ndarray, name: object, outputs: Sequence[str] = ()
    ) -> None:
        """Refuse a picture that is cut into bands if the CRF or an output needs its scores.

        Args:
            picture: (H, W, bands).
            name: The picture's name in the message.
            outputs: What is to be saved of the result.

        Raises:
            UserError: It names the way out.
        """
        needed_by = ['--crf'] * (self.crf is not None)
        needed_by += [f'--save {output}' for output in outputs if output in SCORES]
        model = self.model
        if needed_by and isinstance(model, SlidingWindows) and model.in_bands(*picture.shape[:2]):
            raise UserError(
                f'the image {name} is cut into bands, which have labels but no scores for '
                f'{" and ".join(needed_by)}: take --mode slide'
            )

    def _tell_once(self, lost: Pixels, words: str) -> None:
        """Warn on standard error about lost bands or bits, once for each kind of picture."""
        if lost not in self._warned:
            self._warned.add(lost)
            say(f'{words}; what 8 bits keep is segmented, of others like it, too')

    def padded_size(self, picture: np.ndarray) -> tuple[int, int]:
        """(H, W) to which the preprocessor pads an image (H, W, 3)."""
        return unwrap(self.model).data_preprocessor.padded_size(*picture.shape[:2])

    def _result(self, picture: np.ndarray, sample: Any) -> Segmentation:
        if self.crf is not None:
            from mmdeeplab.inference.crf import refine

            sample = refine(sample, shown_bands(picture), self.crf)
        labels = sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        has_logits = self.keep_logits and 'seg_logits' in sample  # bands hold labels only
        logits = two_classes(sample.seg_logits.data.float()).cpu().numpy() if has_logits else None
        return Segmentation(
            shown_bands(picture), labels, classes=self.classes, palette=self.palette, logits=logits
        )


@torch.no_grad()
def segment(
    model: BaseModel,
    pictures: Sequence[np.ndarray],
    stored: bool = False,
    test_size: tuple[int, int] | None = None,
) -> list[SegDataSample]:
    """Run the network once on pictures (H, W, bands), as in evaluation.

    Args:
        model: The network.
        pictures: Pictures of 8 bits with RGB first, or as they are stored.
        stored: Whether the network takes the bands in the order of the files.
        test_size: (H, W) to which pictures are padded at least; by default the preprocessor's.

    Raises:
        UserError: The logits are not finite.
    """
    samples = []
    for picture in pictures:
        size = picture.shape[:2]
        samples.append(SegDataSample(metainfo=dict(ori_shape=size, img_shape=size)))
    inputs = [as_input(picture, stored) for picture in pictures]
    results = model.test_step(dict(inputs=inputs, data_samples=samples, test_size=test_size))
    require_finite_predictions(results)
    return results


def prepared(
    model: BaseModel,
    picture: np.ndarray,
    stored: bool = False,
    test_size: tuple[int, int] | None = None,
) -> Tensor:
    """Normalise and pad a picture (H, W, bands) to the network's input (1, bands, H, W)."""
    data: dict[str, Any] = dict(inputs=[as_input(picture, stored)], test_size=test_size)
    data['data_samples'] = [SegDataSample()]
    return unwrap(model).data_preprocessor(data, False)['inputs']


def as_input(picture: np.ndarray, stored: bool = False) -> Tensor:
    """Convert a picture (H, W, C) to a tensor (C, H, W) as the pipelines give it.

    RGB becomes BGR; the bands of a ``stored`` picture keep their order.
    """
    bands = picture.shape[2]
    order = [2, 1, 0, *range(3, bands)] if bands >= 3 and not stored else range(bands)
    planes = np.empty((bands, *picture.shape[:2]), picture.dtype)
    for plane, band in zip(planes, order, strict=True):
        cv2.extractChannel(picture, band, plane)  # an eighth of the time of NumPy's transpose
    return torch.from_numpy(planes)
