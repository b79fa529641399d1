"""Describe weights that do not fit a network, tensor by tensor."""

from collections.abc import Mapping, Sequence

COUNTER = 'num_batches_tracked'  # of BatchNorm: weights without it fit, since nothing reads it
SHOWN = 12  # offenders of one kind that an error spells out


def describe(heading: str, faults: Mapping[str, Sequence[str]]) -> str:
    """A text: the heading, then a paragraph for each kind of fault that some tensors have."""
    lines = [f'{heading}:']
    for fault, texts in faults.items():
        if not texts:
            continue
        lines.append(f'  {len(texts)} {fault}:')
        lines += [f'    {text}' for text in texts[:SHOWN]]
        if len(texts) > SHOWN:
            lines.append(f'    ... and {len(texts) - SHOWN} more')
    return '\n'.join(lines)
