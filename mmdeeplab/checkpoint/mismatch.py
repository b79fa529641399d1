"""Weights that do not fit a network, tensor by tensor, in words."""

from collections.abc import Mapping, Sequence

COUNTER = 'num_batches_tracked'  # of BatchNorm: weights without it fit, since nothing reads it
SHOWN = 12  # offenders of one kind that an error spells out


def describe(name: str, faults: Mapping[str, Sequence[str]]) -> str:
    """One paragraph a kind of fault, the first offenders of each spelled out."""
    lines = [f'these weights do not fit the model by the rules of "{name}":']
    for fault, texts in faults.items():
        lines.append(f'  {len(texts)} {fault}:')
        lines += [f'    {text}' for text in texts[:SHOWN]]
        if len(texts) > SHOWN:
            lines.append(f'    ... and {len(texts) - SHOWN} more')
    return '\n'.join(lines)
