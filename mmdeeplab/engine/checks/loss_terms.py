"""Check that training uses every loss term that is logged."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from mmdeeplab.errors import UserError


def check_terms(losses: Mapping[str, object], parameters: Iterable[Parameter]) -> list[str]:
    """Check that the terms of a loss have an effect; MMEngine sums those with "loss" in their name.

    Args:
        losses: The result of the network's ``forward(mode='loss')``: scalars or lists of them, with
            their autograd graphs.
        parameters: The parameters that are trained.

    Returns:
        A sentence for each term that is 0 and has no gradient, as with ``loss_weight=0``.

    Raises:
        UserError: A term has no effect: it is not summed, or depends on no trained parameter.
    """
    trained = [p for p in parameters if p.requires_grad]
    notices = []
    for key, value in losses.items():
        parts = [p for p in _parts(value) if isinstance(p, Tensor)]
        graphs = [part.mean() for part in parts if part.requires_grad]
        if graphs and 'loss' not in key:
            name = key.rpartition('.')[2]
            raise UserError(
                f'{key} is logged, but not trained on: only terms with "loss" in their name are '
                f"added up; call it loss_name='loss_{name}'"
            )
        if 'loss' in key and not graphs:
            raise UserError(
                f'{key} counts as loss and sends no gradient: everything that it depends on is '
                'frozen or detached; let a part of it learn, or take this loss (or its auxiliary '
                'head) out of the config'
            )
        if 'loss' in key and not any(part.any() for part in parts) and not _sends(graphs, trained):
            notices.append(
                f'{key} is 0 and sends no gradient (loss_weight=0?): logged, without effect'
            )
    return notices


def _parts(value: object) -> Sequence:
    return value if isinstance(value, (list, tuple)) else [value]


def _sends(graphs: list[Tensor], trained: list[Parameter]) -> bool:
    total = torch.stack(graphs).sum()
    gradients = torch.autograd.grad(total, trained, retain_graph=True, allow_unused=True)
    return any(gradient is not None and bool(gradient.any()) for gradient in gradients)
