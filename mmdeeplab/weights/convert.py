"""Convert weights of another project for a model of ours."""

from __future__ import annotations

import importlib
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from mmdeeplab.checkpoint.mismatch import COUNTER
from mmdeeplab.config.shipped import CONFIGS
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import Tensor

    from mmdeeplab.weights.table import Array, Fitting, Table

PICKLED = ('torchvision', 'timm', 'smp', 'mmseg', 'hf')  # whose files can hold code
SOURCES = ('tf', 'tflite', 'caffe', *PICKLED)
STATISTICS = ('running_mean', 'running_var', COUNTER)
DEFAULT = 'deeplabv3plus_xception_voc'  # where the arrays do not say which network they are of


@dataclass(frozen=True)
class Conversion:
    """A request to convert weights.

    Attributes:
        source: The project that the weights are from, one of :data:`SOURCES`.
        input: The file, or the prefix of a TensorFlow checkpoint.
        config: The config of the model to fill; by default one whose network the weights are of.
        cfg_options: ``KEY=VALUE`` settings of the config.
        output_stride: 8, 16 or 32; by default the config's.
        classes: A file with one name per line, or the name of a data set that mmseg knows.
        licence: Licence of the weights, if their source does not tell.
        trust: Whether to unpickle the file without restrictions, which runs any code in it.
    """

    source: str
    input: Path
    config: str | None = None
    cfg_options: Sequence[str] = ()
    output_stride: int | None = None
    classes: str | None = None
    licence: str | None = None
    trust: bool = False


class Converted(NamedTuple):
    """The result of a conversion.

    Attributes:
        state: The state dict for the model or its backbone.
        metadata: The metadata of the checkpoint: source, config, classes, licence.
        config: The config's file.
        cfg: The config, with the settings that the weights need.
        options: Those of these settings, ``KEY=VALUE``, that the request did not name.
        part: What the weights fill: ``'model'`` or ``'backbone'``.
        arrays: The arrays of the source, by its names.
        ignored: Names of arrays that are not used, by what they are.
    """

    state: dict[str, Tensor]
    metadata: dict[str, object]
    config: str
    cfg: Config
    options: Sequence[str]
    part: str
    arrays: Mapping[str, Array]
    ignored: Mapping[str, Sequence[str]]

    def summary(self, name: str) -> list[str]:
        """Lines of text about what was converted; ``name`` is the name of the file."""
        part = '' if self.part == 'model' else f' of the {self.part}'
        count = sum(v.numel() for k, v in self.state.items() if not k.endswith(STATISTICS))
        tensors = f'{len(self.state)} tensors{part}'
        return [
            f'{name}: {tensors}, {count:,} trainable values, {self.config}',
            *(f'with {option}' for option in self.options),
            *(f'ignored: {len(names)} {group}' for group, names in self.ignored.items()),
        ]


def convert(request: Conversion) -> Converted:
    """Read a file of another project and convert its weights; nothing is written or printed.

    Raises:
        UserError: The file is unreadable or does not fit; it names every tensor concerned.
    """
    from mmdeeplab.weights.table import convert as by_table

    importer = importlib.import_module(f'mmdeeplab.weights.converters.{request.source}')
    arrays = importer.read(request.input, **(dict(trust=True) if request.trust else {}))
    table = importer.table_for(arrays)
    fitting = importer.config_for(arrays) if hasattr(importer, 'config_for') else None
    chosen = choose_config(request, arrays, table, fitting)
    model = _state_dict(chosen.cfg)
    if hasattr(importer, 'adapt'):
        arrays = importer.adapt(arrays, model)
        table = importer.table_for(arrays)
    try:
        state = by_table(arrays, table, model)
    except UserError as error:
        raise UserError(f'{error}{_hint(fitting, chosen.classes)}') from error
    ignored = table.sort_out(arrays)
    metadata = _metadata(request, importer, chosen, table.part)
    return Converted(
        state=state,
        metadata=metadata,
        config=chosen.config,
        cfg=chosen.cfg,
        options=[*chosen.network, *chosen.classes],
        part=table.part,
        arrays=arrays,
        ignored=ignored,
    )


class Chosen(NamedTuple):
    """The config whose model is filled.

    Attributes:
        config: Its file.
        cfg: The config with all settings.
        network: The settings that make its network that of the source.
        classes: The settings that give it the classes of the source.
    """

    config: str
    cfg: Config
    network: Sequence[str]
    classes: Sequence[str]


def choose_config(
    request: Conversion, arrays: Mapping[str, Array], table: Table, fitting: Fitting | None
) -> Chosen:
    """Choose the config whose model is filled, and its settings for the source.

    A config that the request names is not changed; the settings for the classes are then only used
    as advice.
    """
    from mmdeeplab.config.changes import with_settings
    from mmdeeplab.config.load import load_config, with_changes
    from mmdeeplab.config.options import ConfigOptions
    from mmdeeplab.weights.provenance import class_count_settings
    from mmdeeplab.weights.table import Fitting

    network: Sequence[str] = ()
    if request.config is None:
        name, network = fitting or Fitting(DEFAULT)
        local = Path('configs', f'{name}.py')
        config = str(local if local.is_file() else CONFIGS / local.name)
    else:
        config = request.config
    wanted = ConfigOptions([*network, *request.cfg_options], output_stride=request.output_stride)
    cfg = load_config(config, wanted)
    classes = class_count_settings(arrays, table, cfg)
    if request.config is None:
        cfg = with_changes(cfg, [partial(with_settings, values=classes)])
    return Chosen(config, cfg, network, [f'{key}={value}' for key, value in classes.items()])


def write(output: Path, state: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write weights and metadata to a ``.safetensors`` or ``.pth`` file.

    The metadata are JSON in the former, and under the key ``meta`` in the latter.

    Raises:
        UserError: The file cannot be written.
    """
    import torch
    from safetensors.torch import save

    from mmdeeplab.fileio.atomic import placing

    state = separate(state)
    if output.suffix == '.pth':
        file = io.BytesIO()  # PyTorch's own writer fails without the disk's reason
        torch.save(dict(state_dict=state, meta=metadata), file)
        data: bytes | memoryview = file.getbuffer()
    else:
        data = save(state, {key: json.dumps(value) for key, value in metadata.items()})
    with placing(output, len(data)) as partial:
        partial.write_bytes(data)


def separate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors on the CPU that share no memory, as two names of one or parts of one do."""
    import torch

    return {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in state.items()
    }


def _hint(fitting: Fitting | None, classes: Sequence[str]) -> str:
    """Advice which config and settings to use instead of one that does not fit."""
    if fitting is None:
        return ''
    wanted = shlex.join([*fitting.cfg_options, *classes])
    return f'\nThese weights are of --config configs/{fitting.config}.py' + (
        f' --cfg-options {wanted}' if wanted else ''
    )


def _state_dict(cfg: Config) -> dict[str, Tensor]:
    """The state dict of a config's model, for its keys and shapes."""
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    init_default_scope(cfg.default_scope)
    return MODELS.build(cfg.model).state_dict()


def _metadata(
    request: Conversion, importer: ModuleType, chosen: Chosen, part: str
) -> dict[str, object]:
    """The metadata of a converted checkpoint: source, config, classes, licence."""
    from mmdeeplab.config.data import datasets
    from mmdeeplab.weights.provenance import class_names, input_digest, names_inside

    cfg = chosen.cfg
    count = cfg.model.decode_head.num_classes if part == 'model' else None
    names_classes = getattr(importer, 'NAMES_CLASSES', True)
    dataset = next(datasets(cfg, 'test'), None) if names_classes else None
    own = None
    if count is not None and request.classes is None and request.source in PICKLED:
        own = names_inside(request.input, request.trust)
    named = None if count is None else class_names(request.classes, own, dataset, count)
    return dict(
        source=request.source,
        input=request.input.name,
        sha256=input_digest(request.input),
        config=Path(chosen.config).name,
        cfg_options=[*chosen.network, *request.cfg_options, *chosen.classes],
        part=part,
        num_classes=count,
        classes=list(named.classes) if named else None,
        palette=[list(colour) for colour in named.palette] if named else None,
        licence=request.licence or getattr(importer, 'LICENCE', 'unknown'),
    )
