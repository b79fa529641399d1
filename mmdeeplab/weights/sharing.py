"""Save a trained network as a self-contained folder: weights, config, classes, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from safetensors.torch import save
from torch import Tensor

from mmdeeplab.checkpoint.pretrained import loads_weights
from mmdeeplab.config.protocols import network_of
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.weights.convert import separate
from mmdeeplab.weights.hub import WEIGHTS, hub_file, is_repository

CONFIG, CARD = 'config.json', 'README.md'
KEPT = ('default_scope', 'model', 'crf', 'tta_model')  # keys by which a network is used


@dataclass(frozen=True)
class SharedNetwork:
    """The contents of a shared folder: a network with its classes.

    Attributes:
        cfg: The config of the network, possibly with wrappers for scales and windows.
        state: Its tensors by name.
        classes: Names of the classes in id order.
        palette: RGB of each class.
        licence: Licence of the weights, as an SPDX identifier.
    """

    cfg: Config
    state: Mapping[str, Tensor]
    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    licence: str

    def save(self, folder: str | Path, metrics: Mapping[str, Any]) -> None:
        """Write ``config.json``, ``model.safetensors`` and ``README.md``.

        Args:
            folder: The folder, made if it is missing.
            metrics: The contents of a test's ``metrics.json`` for the card; may be empty.

        Raises:
            UserError: The config names a class that is not registered, or the disk refuses a file.
        """
        colours = [list(map(int, colour)) for colour in self.palette]
        meta = dict(
            classes=list(self.classes),
            dataset_meta=dict(classes=list(self.classes), palette=colours),
            licence=self.licence,
        )
        texts = {key: json.dumps(value) for key, value in meta.items()}
        try:
            config = json.dumps(flat_config(self.cfg), indent=2)
        except TypeError as error:
            raise UserError(
                f'the config cannot be shared as data ({error}): name registered classes'
            ) from error
        tensors = separate(self.state)
        files = {
            WEIGHTS: save(tensors, {'format': 'pt', **texts}),
            CONFIG: f'{config}\n'.encode(),
            CARD: f'{self.card(metrics)}\n'.encode(),
        }
        for name, content in files.items():
            with placing(Path(folder, name), len(content)) as path:
                path.write_bytes(content)

    def card(self, metrics: Mapping[str, Any]) -> str:
        """The text of the model card: how to use the network, its classes, its scores if any."""
        model = flat_config(self.cfg)['model']
        backbone = model['backbone'].get('name') or model['backbone']['type']
        lines = [
            *('---', f'license: {self.licence}', 'library_name: mmdeeplab'),
            *('pipeline_tag: image-segmentation', '---', ''),
            f'# Semantic segmentation with {backbone.rpartition(".")[2]}',
            '',
            '```python',
            'from mmdeeplab import DeepLabPredictor',
            '',
            "predictor = DeepLabPredictor.from_pretrained('.')  # or its name on the hub",
            "predictor('photo.jpg').overlay().save('overlay.png')",
            '```',
            '',
            *_scores(metrics),
            '| id | class | colour | IoU |',
            '|--:|---|---|--:|',
        ]
        per_class = metrics.get('per_class') or {}
        for i, (name, colour) in enumerate(zip(self.classes, self.palette, strict=False)):
            iou = (per_class.get(name) or {}).get('IoU')
            text = '' if iou is None else f'{iou:.2f}'
            lines.append(f'| {i} | {name} | #{bytes(map(int, colour)).hex()} | {text} |')
        return '\n'.join(lines)


def _scores(metrics: Mapping[str, Any]) -> list[str]:
    if metrics.get('mIoU') is None:
        return ['No scores were given when this folder was written.', '']
    interval = (metrics.get('intervals') or {}).get('mIoU')
    between = f' (95 % interval {interval[0]:.2f} to {interval[1]:.2f})' if interval else ''
    images = metrics.get('num_images')
    return [f'{metrics["mIoU"]:.2f} mIoU{between} on {images} images.', '']


def flat_config(cfg: Config) -> dict[str, Any]:
    """The part of a config that is needed to build and use its network, as plain data.

    Without wrappers around the network, and without files of weights.
    """
    data = {key: value for key, value in cfg.to_dict().items() if key in KEPT}
    return _without_files(data | dict(model=network_of(cfg).to_dict()))


def _without_files(node: Any) -> Any:
    """A config without files of pre-trained weights."""
    if isinstance(node, Mapping):
        return {
            key: _without_files(value)
            for key, value in node.items()
            if not (key == 'pretrained' or (key == 'init_cfg' and loads_weights(value)))
        }
    return [_without_files(item) for item in node] if isinstance(node, (list, tuple)) else node


def shared_files(name: str | Path) -> tuple[Path, Path]:
    """The files of config and weights in a folder, or in a repository of the hub.

    Raises:
        UserError: There is no such folder, it lacks a file, or its config has more than a network.
    """
    folder = Path(name)
    if folder.is_dir():
        config, weights = folder / CONFIG, folder / WEIGHTS
        for path in (config, weights):
            if not path.is_file():
                raise UserError(f'{folder} has no {path.name}: it is no folder of save_pretrained')
    elif is_repository(str(name)):
        config = hub_file(str(name), CONFIG, large=False)
        weights = hub_file(str(name), WEIGHTS)
    else:
        raise UserError(f'{name} is neither a folder nor a name OWNER/NAME of the hub')
    _require_network_only(config)
    return config, weights


def _require_network_only(config: Path) -> None:
    try:
        keys = json.loads(config.read_text(encoding='utf-8')).keys()
    except (ValueError, AttributeError) as error:
        raise UserError(f'{config} is no config: {error}') from error
    if more := sorted(keys - set(KEPT)):
        raise UserError(f'{config} asks for more than a network: {", ".join(more)}')


def read_metrics(report: str | Path) -> dict[str, Any]:
    """Read the scores that a test wrote to a folder.

    Raises:
        UserError: There is no ``metrics.json`` in it.
    """
    path = Path(report) / 'metrics.json'
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'no report in {report}: {error}; write one by test --out') from error


def push(folder: str | Path, repository: str) -> str:
    """Upload a folder to the hub by huggingface_hub, with its login; return the address.

    Raises:
        UserError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise UserError('pushing needs huggingface_hub: pip install huggingface_hub') from error
    api = HfApi()
    api.create_repo(repository, exist_ok=True)
    return str(api.upload_folder(repo_id=repository, folder_path=str(folder)))
