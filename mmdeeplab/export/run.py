"""Export: build, write, run by the artefact's own runtime, judge, and only then keep."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config

from mmdeeplab.checkpoint.fine_tune import class_names
from mmdeeplab.errors import UserError
from mmdeeplab.export.fall_back import fall_back
from mmdeeplab.export.formats import FORMATS, Wish
from mmdeeplab.export.gate import Gate, Tolerance, Verdict
from mmdeeplab.export.graph import build_graph
from mmdeeplab.export.samples import Sample, of_every_parity
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.fileio.whole_files import writing
from mmdeeplab.version import __version__
from mmdeeplab.visualization.voc_palette import default_names, palette_of


class Order(NamedTuple):
    """What to make.

    Attributes:
        format: A key of :data:`FORMATS`.
        precision: ``float``, ``half`` or ``int8``.
        size: (H, W) of the input; None for any.
        processing: Photographs in, labels out.
        tolerance: Of the gate.
        out: The file.
    """

    format: str
    precision: str
    size: tuple[int, int] | None
    processing: bool
    tolerance: Tolerance
    out: Path


class Outcome(NamedTuple):
    """The gate's verdict, files that were kept (none where it failed), and layers of int8."""

    verdict: Verdict
    files: list[Path]
    in_float: list[str]
    layers: int


def export(
    order: Order,
    model: Any,
    metadata: dict,
    samples: Sequence[Sample],
    calibration: Sequence[Sample] = (),
) -> Outcome:
    """Make an artefact; it appears at ``order.out`` when it has passed the gate.

    Args:
        order: What to make.
        model: The trained network, on the CPU, in eval mode.
        metadata: See :func:`describe_network`.
        samples: What the gate looks at.
        calibration: What int8 is calibrated on; the samples, where there is nothing.

    Raises:
        UserError: A package is missing, the network or a picture does not fit, the disk is full.
    """
    row = FORMATS[order.format]
    row.module(order.format)
    if order.precision not in row.precisions:
        able = ' and '.join(name for name, r in FORMATS.items() if order.precision in r.precisions)
        raise UserError(f'{order.format} has no --{order.precision}; {able} have')
    least = tuple(model.data_preprocessor.test_size)
    check_sizes([*samples, *calibration], order)
    half = order.precision == 'half' and order.format != 'openvino'  # which shortens by itself
    wish = Wish(
        build_graph(model, order.processing, half), order.size, order.precision, dict(metadata)
    )
    sizes = [] if order.size else of_every_parity(samples[0], least)
    padded = least if order.processing or not order.size else order.size
    gate = Gate(model, samples, sizes, padded, order.processing, order.tolerance)
    with writing(order.out):
        order.out.parent.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix='.exporting-', dir=order.out.parent)
    with work as folder, writing(order.out):
        path = Path(folder) / order.out.name
        if order.precision == 'int8':
            outcome = _int8(order, wish, gate, path, calibration or samples)
        else:
            row.module(order.format).write(wish, path)
            outcome = Outcome(_judged(order, gate, path), [], [], 0)
        return outcome if outcome.verdict.faults else outcome._replace(files=_keep(path, order.out))


def _judged(order: Order, gate: Gate, path: Path) -> Verdict:
    module = FORMATS[order.format].module(order.format)
    return gate.judge(module.open_run(path, order.precision))


def _int8(
    order: Order, wish: Wish, gate: Gate, path: Path, calibration: Sequence[Sample]
) -> Outcome:
    from mmdeeplab.export import onnx
    from mmdeeplab.export.int8 import Quantiser

    work = path.parent / 'int8'
    work.mkdir()
    onnx.write(wish, work / 'float.onnx')
    quantiser = Quantiser(work / 'float.onnx', [gate.input_of(sample) for sample in calibration])

    def attempt(in_float: list[str]) -> Verdict:
        known = wish.metadata | dict(in_float=in_float)
        quantised = path if order.format == 'onnx' else work / 'int8.onnx'
        quantiser.write(quantised, known, in_float)
        if order.format == 'openvino':
            FORMATS['openvino'].module('openvino').convert(quantised, path, known)
        verdict = _judged(order, gate, path)
        done = 'fails' if verdict.faults else 'passes'
        print(f'int8, {len(in_float)} of {len(quantiser.layers)} layers in float: {done}')
        return verdict

    verdict, in_float = fall_back(attempt, lambda: quantiser.by_harm)
    if len(in_float) == len(quantiser.layers):
        verdict.faults.append('no layer can be int8 within the tolerance')
    return Outcome(verdict, [], in_float, len(quantiser.layers))


def _keep(path: Path, out: Path) -> list[Path]:
    """Move the artefact, one file or two of one stem, to where it belongs."""
    files = sorted(
        file for file in path.parent.iterdir() if file.is_file() and file.stem == path.stem
    )
    kept = []
    for file in files:
        target = out.with_suffix(file.suffix)
        file.replace(target)
        kept.append(target)
    return kept


def check_sizes(samples: Sequence[Sample], order: Order) -> None:
    """An artefact of one size takes pictures that are not larger, or exactly so large.

    Raises:
        UserError: A picture that does not fit.
    """
    if order.size is None:
        return
    for sample in samples:
        size = sample.picture.shape[:2]
        larger = size[0] > order.size[0] or size[1] > order.size[1]
        if larger or (order.processing and tuple(size) != order.size):
            rule = 'exactly' if order.processing else 'up to'
            raise UserError(
                f'{sample.name} is {size[0]}x{size[1]}, this artefact takes pictures of {rule} '
                f'{order.size[0]}x{order.size[1]}: choose --size H W, or --dynamic for any size'
            )


def describe_network(
    cfg: Config, config: str, checkpoint: Path, loaded: dict, model: Any, order: Order
) -> dict:
    """What an artefact tells of itself, as JSON has it."""
    given = model.data_preprocessor
    count = model.num_classes
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
        mean=given.mean.flatten().tolist(),
        std=given.std.flatten().tolist(),
        channels='RGB' if given.bgr_to_rgb else 'BGR',
        padded_to=list(given.test_size if order.processing else order.size or given.test_size),
        size=order.size and list(order.size),
        processing=order.processing,
        precision=order.precision,
    )
