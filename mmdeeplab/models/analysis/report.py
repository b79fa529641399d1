"""The report of ``tools/analyze.py`` about one network, as data and as text."""

from collections.abc import Sequence
from typing import Any

from prettytable import PrettyTable
from torch import nn

from mmdeeplab.models.analysis.costs import multiply_adds, parameters
from mmdeeplab.models.analysis.geometry import Field, degenerate_rates, stages
from mmdeeplab.models.analysis.memory import inference_memory, training_memory


def analyse(model: nn.Module, shape: Sequence[int]) -> dict[str, Any]:
    """Costs, geometry and warnings of a segmentor for one input of ``shape`` (N, C, H, W).

    Returns:
        Numbers, strings, lists and dicts, ready for JSON. Bytes are those of float32.
    """
    rows, logits = stages(model, shape)
    counted = multiply_adds(model, shape)
    by_part = {name: parameters(part) for name, part in model.named_children()}
    return dict(
        shape=list(shape),
        parameters=dict(by_part={k: v for k, v in by_part.items() if v}, total=parameters(model)),
        multiply_adds=dict(
            by_part=dict(counted),
            total=sum(counted.values()),
            total_space_to_batch=sum(multiply_adds(model, shape, space_to_batch=True).values()),
        ),
        stages=[
            dict(
                part=row.part,
                first=row.first,
                last=row.last,
                convolutions=row.convolutions,
                rate=row.rate,
                map=list(row.size),
                **field_dict(row.field),
                taps_inside=round(row.inside, 4),
            )
            for row in rows
        ],
        logits=field_dict(logits),
        memory=dict(
            inference_bytes=inference_memory(model, shape),
            training_bytes=training_memory(model, shape),
        ),
        warnings=degenerate_rates(model, shape),
    )


def field_dict(field: Field) -> dict[str, Any]:
    """A receptive field as a dict for JSON."""
    return dict(
        stride=field.stride, receptive_field=round(field.size), whole_image=field.whole_image
    )


def render(report: dict[str, Any]) -> str:
    """The report of :func:`analyse` as tables and sentences."""
    n, _, h, w = report['shape']
    adds, memory = report['multiply_adds'], report['memory']
    lines = [f'input {h} x {w}, batch of {n}', str(cost_table(report)), '']
    lines += ['convolutions larger than 1x1, by part, stride and rate:', str(stage_table(report))]
    lines.append(f'receptive field of the logits: {sight(report["logits"])}')
    if adds['total_space_to_batch'] != adds['total']:
        padded = adds['total_space_to_batch'] / 1e9
        lines.append(f'multiply-adds with the padding that TF counts: {padded:.2f} G')
    lines.append(
        f'activations in float32: at most {mib(memory["inference_bytes"])} alive at once in '
        f'inference; {mib(memory["training_bytes"])} kept for the backward pass in training'
    )
    lines += [f'warning: {text}' for text in report['warnings']]
    return '\n'.join(lines)


def cost_table(report: dict[str, Any]) -> PrettyTable:
    """The table of parameters and multiply-adds of each part."""
    values, adds = report['parameters'], report['multiply_adds']
    table = PrettyTable(['part', 'parameters', 'multiply-adds (G)'], align='r')
    table.align['part'] = 'l'
    for part, count in values['by_part'].items():
        table.add_row([part, f'{count:,}', f'{adds["by_part"].get(part, 0) / 1e9:.3f}'])
    table.add_row(['total', f'{values["total"]:,}', f'{adds["total"] / 1e9:.3f}'])
    return table


def stage_table(report: dict[str, Any]) -> PrettyTable:
    """The table of stride, rate, map size and receptive field of each stage."""
    names = ['part', 'from', 'to', 'convs', 'stride', 'rate', 'map', 'sees (px)', 'taps inside']
    table = PrettyTable(names, align='r')
    for name in names[:3]:
        table.align[name] = 'l'
    for row in report['stages']:
        table.add_row(
            [
                row['part'],
                row['first'],
                row['last'],
                row['convolutions'],
                f'{row["stride"]:g}',
                row['rate'],
                '{} x {}'.format(*row['map']),
                sight(row),
                f'{row["taps_inside"]:.0%}',
            ]
        )
    return table


def sight(field: dict[str, Any]) -> str:
    """A receptive field as text: its side in pixels, and whether it includes the global mean."""
    return f'{field["receptive_field"]}{" + image mean" if field["whole_image"] else ""}'


def mib(size: int) -> str:
    """Bytes in MiB."""
    return f'{size / 2**20:,.0f} MiB'
