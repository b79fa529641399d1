"""Masks of any images in three lines of Python."""

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
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.inference.wrap import crf_of
from mmdeeplab.models.analysis import input_channels
from mmdeeplab.models.tf32 import set_tf32
from mmdeeplab.visualization.shown_bands import shown_bands
from mmdeeplab.visualization.voc_palette import default_names, palette_of
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

    As in evaluation under the protocol "paper-513": native size, padded by the preprocessor.

    Args:
        model: A config, the path of one, or the name of a published model
            (``tools/weights.py list``), which is fetched with its weights.
        checkpoint: A config's weights: .safetensors, .pth, or a work dir (its newest).
        device: ``cpu``, ``cuda``, ``cuda:1``; the best there is without it.
        tta: Six scales and their mirrors, as in the papers.
        crf: The config's dense CRF behind the network.
        mode: How large images are cut: ``auto``, ``whole``, ``slide`` or ``bands``.
        window: Side of a window; what the config pads to without it.
        stride: From one window to the next, two thirds of a window without it.
        blend: How windows are weighed: ``hann``, ``gaussian`` or ``uniform``.
        keep_logits: Keep the scores of every result, so that ``result.probabilities`` can be asked
            for; C x H x W x 4 bytes a result. By default unless ``fast``.
        fast: On a CPU, run the network by OpenVINO (docs/speed.md): True for float32, with the same
            labels but for ties in the last bits, ``'bf16'`` or ``'int8'`` to allow less. On a GPU
            True or ``'bf16'``.
        calibration: Pictures by which ``'int8'`` sets ranges, and on which the fast network is
            compared with the plain one; without any, the first one that is segmented.
        tolerance: What the fast network may differ by there
            (:class:`mmdeeplab.inference.accelerate.Tolerance`); by default export's.
        allow_tf32: Whether NVIDIA's GPUs may round the factors of float32 products to TF32, in the
            whole process; without it the config's ``env_cfg.allow_tf32``, else PyTorch's default.
        options: Settings of a config that is read here.

    Attributes:
        pixels: Bands and depth of pictures that are read as they are stored; None: 8 bits.
        cfg: The config of the network that was built, scales and windows around it.
        shares_cores: Whether several threads' pictures go through the network at once. All others
            may be called from several threads, too, and wait for their turn.

    Raises:
        UserError: No such file, weights that do not fit, no such device.
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
        use = InferenceOptions(
            tta,
            crf,
            mode=mode,
            window=window,
            stride=stride,
            blend=blend,
            fast=fast,
        )
        transforms = use.transforms(labels_only=not (fast or self.keep_logits or crf))
        cfg, weights = make_config(model, checkpoint, options, transforms)
        in_config = (cfg.get('env_cfg') or {}).get('allow_tf32')
        set_tf32(in_config if allow_tf32 is None else allow_tf32)
        self.crf = crf_of(cfg) if crf else None
        self.cfg = cfg
        self.pixels = evaluated_pixels(cfg)
        self._told: set[Pixels] = set()
        self.model, loaded = load_segmentor(cfg, weights, device)
        self.bands = input_channels(unwrap(self.model))
        if fast:
            from mmdeeplab.inference.accelerate import CalibrationPicture, accelerate

            network = self.model
            stored = self.pixels is not None
            pictures = (
                CalibrationPicture(prepared(network, self.read(image), stored))
                for image in calibration
            )
            keep = self.keep_logits or crf
            self.model = accelerate(self.model, fast, keep, pictures, tolerance)
        device_type = next(self.model.parameters()).device.type
        self.shares_cores = device_type == 'cpu'
        self._turn: AbstractContextManager = nullcontext() if self.shares_cores else Lock()
        count = unwrap(self.model).num_classes
        self.classes = tuple(class_names(loaded) or default_names(count))
        self.palette = palette_of(loaded, count)
        self.licence = str((loaded.get('meta') or {}).get('licence') or 'unknown')

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> DeepLabPredictor:
        """The network of a folder of :meth:`save_pretrained`, or of one on the Hugging Face hub.

        A config of such a folder is data: nothing of it is executed, and it may name a network
        only.

        Args:
            name: A folder, or ``OWNER/NAME`` on the hub, which is downloaded once and verified.
            options: As for the class (``device``, ``fast``, ...).

        Raises:
            UserError: There is none, or it is not whole.
        """
        config, weights = shared_files(name)
        return cls(config, weights, **options)

    def save_pretrained(
        self, folder: str | Path, *, licence: str | None = None, report: str | Path | None = None
    ) -> None:
        """Write the network into a folder from which :meth:`from_pretrained` makes it again.

        ``model.safetensors`` with classes, palette and licence in its metadata, ``config.json``
        without bases, and a model card ``README.md``. No checkout is needed to load it.

        Args:
            folder: Made where it is not there; files of these names are replaced.
            licence: Of the weights, as an SPDX identifier; what the checkpoint says without it.
            report: The folder of ``tools/test.py --out``, whose scores go into the card.

        Raises:
            UserError: A fast engine runs in the network's place, or there is no such report.
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
        """Upload what :meth:`save_pretrained` writes, by huggingface_hub; return the address.

        Args:
            repository: ``OWNER/NAME``; made where it is not there.
            options: As for :meth:`save_pretrained`.

        Raises:
            UserError: huggingface_hub is not installed.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, **options)
            return push(folder, repository)

    def __call__(self, image: Picture) -> Segmentation:
        """Segment one image.

        Args:
            image: A path or https URL, a PIL image, an array (H, W, 3) or (H, W) uint8 RGB, or a
                tensor (3, H, W), uint8 or float in 0..1; with :attr:`pixels` a path, the bytes of a
                file, or an array (H, W, bands) of that depth.

        Raises:
            UserError: Not an image; the message names it.
        """
        (result,) = self.batch([image])
        return result

    def batch(self, images: Iterable[Picture]) -> list[Segmentation]:
        """Segment several images in one pass of the network.

        Images are padded to one size, so give images that the preprocessor pads to the same size:
        the pooled branch of ASPP sees the padding.
        """
        pictures = [self.read(image) for image in images]
        with self._turn:
            results = segment(self.model, pictures, self.pixels is not None)
        return [self._result(*pair) for pair in zip(pictures, results, strict=True)]

    def read(self, image: Picture) -> np.ndarray:
        """A picture (H, W, bands) with the bands that the network takes: uint8, or as it is stored
        where the config's LoadImage names bands and depth."""
        if self.pixels is not None:
            return read_as_stored(image, self.pixels)
        return read_picture(image, self.bands, self._tell_once)

    def _tell_once(self, lost: Pixels, words: str) -> None:
        """On standard error, of the first picture of each kind."""
        if lost not in self._told:
            self._told.add(lost)
            say(f'{words}; what 8 bits keep is segmented, of others like it, too')

    def padded_size(self, picture: np.ndarray) -> tuple[int, int]:
        """(H, W) to which the preprocessor pads an image (H, W, 3)."""
        return unwrap(self.model).data_preprocessor.padded_size(*picture.shape[:2])

    def _result(self, picture: np.ndarray, sample: Any) -> Segmentation:
        if self.crf is not None:
            from mmdeeplab.inference.crf import refine

            sample = refine(sample, shown_bands(picture), self.crf)
        labels = sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        kept = self.keep_logits and 'seg_logits' in sample  # bands hold labels only
        logits = two_classes(sample.seg_logits.data.float()).cpu().numpy() if kept else None
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
    """One pass over pictures (H, W, bands), as in evaluation.

    Args:
        model: The network.
        pictures: Of 8 bits with RGB first, or as they are stored.
        stored: Whether the network takes the bands in the order of the files.
        test_size: (H, W) to which they are padded at least; the preprocessor's own without it.

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
    """A picture (H, W, 3) as the network sees it: (1, 3, H, W), normalised and padded."""
    data: dict[str, Any] = dict(inputs=[as_input(picture, stored)], test_size=test_size)
    data['data_samples'] = [SegDataSample()]
    return unwrap(model).data_preprocessor(data, False)['inputs']


def as_input(picture: np.ndarray, stored: bool = False) -> Tensor:
    """A picture (H, W, C) as the pipelines give it, (C, H, W): RGB first becomes BGR first, the
    bands of a ``stored`` one keep their order."""
    bands = picture.shape[2]
    order = [2, 1, 0, *range(3, bands)] if bands >= 3 and not stored else range(bands)
    planes = np.empty((bands, *picture.shape[:2]), picture.dtype)
    for plane, band in zip(planes, order, strict=True):
        cv2.extractChannel(picture, band, plane)  # an eighth of the time of NumPy's transpose
    return torch.from_numpy(planes)
