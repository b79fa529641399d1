"""Export a network: build the graph, write it, run the file by its runtime, compare, keep it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config

from mmdeeplab.checkpoint.fine_tune import class_names
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.errors import UserError
from mmdeeplab.export.formats import FORMATS
from mmdeeplab.export.graph import build_graph
from mmdeeplab.export.parity import ParityCheck
from mmdeeplab.export.samples import Sample, of_other_sizes
from mmdeeplab.fileio.atomic import working_folder, writing
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec
from mmdeeplab.inference.accelerate.fall_back import fall_back
from mmdeeplab.inference.accelerate.parity import ParityReport, Tolerance
from mmdeeplab.models.analysis import input_channels
from mmdeeplab.version import __version__
from mmdeeplab.visualization.voc_palette import default_names, palette_of, require_byte_ids

Writer = tuple[Any, Callable[[dict, Sequence[str]], None]]
"""A quantiser, and what writes its network with metadata and some layers in float."""


class ExportSpec(NamedTuple):
    """What is to be exported, and how.

    Attributes:
        format: A key of :data:`FORMATS`.
        precision: ``float``, ``half`` or ``int8``.
        size: (H, W) of the input; None for any.
        processing: Whether the file takes pictures and gives labels.
        tolerance: Tolerance of the parity check.
        out: The file.
        pixels: Bands and depth if pictures are read as they are stored; None: RGB of 8 bits.
    """

    format: str
    precision: str
    size: tuple[int, int] | None
    processing: bool
    tolerance: Tolerance
    out: Path
    pixels: Pixels | None = None


class ExportResult(NamedTuple):
    """The report of the parity check, the files that were kept (none if it failed), int8 layers."""

    parity: ParityReport
    files: list[Path]
    in_float: list[str]
    layers: int


def export(
    spec: ExportSpec,
    model: Any,
    metadata: dict,
    samples: Sequence[Sample],
    calibration: Sequence[Sample] = (),
) -> ExportResult:
    """Export a network to ``spec.out``, if the file passes the parity check.

    Args:
        spec: What is to be exported.
        model: The trained network, on the CPU, in evaluation mode.
        metadata: The metadata, from :func:`describe_network`.
        samples: The samples of the parity check.
        calibration: The samples that int8 is calibrated on; by default ``samples``.

    Raises:
        UserError: A package is missing, the network or a picture does not fit, or the disk is full.
    """
    row = FORMATS[spec.format]
    row.module(spec.format)
    if spec.precision not in row.precisions:
        formats = ' and '.join(
            name for name, r in FORMATS.items() if spec.precision in r.precisions
        )
        raise UserError(f'{spec.format} has no --{spec.precision}; {formats} have')
    least = tuple(model.data_preprocessor.test_size)
    check_sizes([*samples, *calibration], spec)
    half = spec.precision == 'half' and spec.format != 'openvino'  # its writer converts to float16
    artefact = ArtefactSpec(
        build_graph(model, spec.processing, half, spec.pixels),
        spec.size,
        spec.precision,
        dict(metadata),
    )
    sizes = [] if spec.size else of_other_sizes(samples[0], least)
    padded = least if spec.processing or not spec.size else spec.size
    check = ParityCheck(
        model,
        samples,
        sizes=sizes,
        size=padded,
        processing=spec.processing,
        tolerance=spec.tolerance,
        pixels=spec.pixels,
    )
    with writing(spec.out), working_folder(spec.out.parent) as folder:
        path = folder / spec.out.name
        if spec.precision == 'int8':
            result = _int8(spec, artefact, check, path, calibration or samples)
        else:
            row.module(spec.format).write(artefact, path)
            result = ExportResult(_compared(spec, check, path), [], [], 0)
        return result if result.parity.faults else result._replace(files=_keep(path, spec.out))


def _compared(spec: ExportSpec, check: ParityCheck, path: Path) -> ParityReport:
    module = FORMATS[spec.format].module(spec.format)
    return check.compare(module.open_run(path, spec.precision))


def _int8(
    spec: ExportSpec,
    artefact: ArtefactSpec,
    check: ParityCheck,
    path: Path,
    calibration: Sequence[Sample],
) -> ExportResult:
    inputs = [check.input_of(sample) for sample in calibration]
    make = _onnx_in_int8 if spec.format == 'onnx' else _openvino_in_int8
    quantiser, write = make(artefact, path, inputs)

    def attempt(in_float: list[str]) -> ParityReport:
        write(artefact.metadata | dict(in_float=in_float), in_float)
        report = _compared(spec, check, path)
        verdict = 'fails' if report.faults else 'passes'
        print(f'int8, {len(in_float)} of {len(quantiser.layers)} layers in float: {verdict}')
        return report

    report, in_float = fall_back(attempt, lambda: quantiser.by_harm)
    if len(in_float) == len(quantiser.layers):
        report.faults.append('no layer can be int8 within the tolerance')
    return ExportResult(report, [], in_float, len(quantiser.layers))


def _onnx_in_int8(artefact: ArtefactSpec, path: Path, inputs: Sequence[np.ndarray]) -> Writer:
    from mmdeeplab.inference.accelerate import onnx
    from mmdeeplab.inference.accelerate.onnx_int8 import OnnxQuantiser

    source = path.parent / 'int8' / 'float.onnx'
    source.parent.mkdir()
    onnx.write(artefact, source)
    quantiser = OnnxQuantiser(source, inputs)
    return quantiser, partial(quantiser.write, path)


def _openvino_in_int8(artefact: ArtefactSpec, path: Path, inputs: Sequence[np.ndarray]) -> Writer:
    from mmdeeplab.inference.accelerate import openvino
    from mmdeeplab.inference.accelerate.int8 import Quantiser

    quantiser = Quantiser(openvino.convert(artefact), inputs)

    def write(metadata: dict, in_float: Sequence[str]) -> None:
        openvino.save(quantiser.quantised(in_float), path, metadata)

    return quantiser, write


def _keep(path: Path, out: Path) -> list[Path]:
    """Move the exported file, or the two files of an OpenVINO model, to the final place."""
    files = sorted(
        file for file in path.parent.iterdir() if file.is_file() and file.stem == path.stem
    )
    targets = []
    for file in files:
        target = out.with_suffix(file.suffix)
        file.replace(target)
        targets.append(target)
    return targets


def check_sizes(samples: Sequence[Sample], spec: ExportSpec) -> None:
    """Refuse samples that do not fit a file with a fixed size of its input.

    With preprocessing in the file they must have exactly this size, otherwise at most.

    Raises:
        UserError: A picture does not fit.
    """
    if spec.size is None:
        return
    for sample in samples:
        size = sample.picture.shape[:2]
        larger = size[0] > spec.size[0] or size[1] > spec.size[1]
        if larger or (spec.processing and tuple(size) != spec.size):
            rule = 'exactly' if spec.processing else 'up to'
            raise UserError(
                f'{sample.name} is {size[0]}x{size[1]}, this artefact takes pictures of {rule} '
                f'{spec.size[0]}x{spec.size[1]}: choose --size H W, or --dynamic for any size'
            )


def describe_network(
    cfg: Config, config: str, checkpoint: Path, loaded: dict, model: Any, spec: ExportSpec
) -> dict:
    """The metadata of an exported file, as plain data for JSON."""
    preprocessor = model.data_preprocessor
    require_byte_ids(count := model.num_classes)
    names = class_names(loaded) or default_names(count)
    return dict(
        mmdeeplab=__version__,
        torch=torch.__version__,
        config=Path(config).name,
        model=cfg.model.to_dict(),
        checkpoint_sha256=digest(checkpoint),
        classes=list(names),
        threshold=model.decode_head.threshold,
        palette=[list(map(int, colour)) for colour in palette_of(loaded, count)],
        mean=preprocessor.mean.flatten().tolist(),
        std=preprocessor.std.flatten().tolist(),
        channels='as stored' if spec.pixels else 'RGB' if preprocessor.bgr_to_rgb else 'BGR',
        bands=input_channels(model),
        depth=spec.pixels.depth if spec.pixels else 'uint8',
        padded_to=list(
            preprocessor.test_size if spec.processing else spec.size or preprocessor.test_size
        ),
        size=spec.size and list(spec.size),
        processing=spec.processing,
        precision=spec.precision,
    )
