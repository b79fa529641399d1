"""Fine-tuning: load the weights of one task into the network of another, and report it."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmdeeplab.checkpoint.class_order import plain_names
from mmdeeplab.checkpoint.mismatch import COUNTER, describe
from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError

MIN_BACKBONE = 0.9  # share of the backbone's tensors that must fit
BACKBONE = 'backbone.'
RGB = 3


class ClassNames:
    """The names of a checkpoint's and of a network's classes, in id order; None if unknown."""

    def __init__(self, checkpoint: Sequence[str] | None, model: Sequence[str] | None) -> None:
        self.checkpoint = None if checkpoint is None else plain_names(checkpoint)
        self.model = None if model is None else plain_names(model)
        self.shown = model or ()

    def differ(self, saved: Tensor, initial: Tensor) -> bool:
        """Whether a classifier's tensor in the checkpoint is for other classes."""
        if saved.shape[1:] != initial.shape[1:]:
            return False
        named = self.checkpoint is not None and self.model is not None
        return saved.shape != initial.shape or (named and self.checkpoint != self.model)

    def have_rows(self, saved: Tensor, initial: Tensor) -> bool:
        """Whether every class has a row in both tensors: not where one logit stands for two."""
        return len(saved) == len(self.checkpoint or ()) and len(initial) == len(self.model or ())

    def shared(self, saved: Tensor, initial: Tensor) -> dict[int, int]:
        """For each class that both have a row for: its id in the network -> in the checkpoint."""
        if not self.have_rows(saved, initial):
            return {}
        indices = {name: i for i, name in enumerate(self.checkpoint or ())}
        return {i: indices[name] for i, name in enumerate(self.model or ()) if name in indices}

    def copy_rows(self, saved: Tensor, initial: Tensor) -> Tensor:
        """The network's tensor, with the rows of the checkpoint for classes that both have."""
        rows = initial.clone()
        for to, source in self.shared(saved, initial).items():
            rows[to] = saved[source].to(rows)
        return rows

    def sentence(self, saved: Tensor, initial: Tensor) -> str:
        """A sentence about how the classifier was made from the checkpoint's."""
        text = f'classifier re-made {len(saved)} -> {len(initial)}'
        if self.checkpoint is None or self.model is None:
            return f'{text}, no class copied (the file does not name its classes)'
        if not self.have_rows(saved, initial):
            return f'{text}, no class copied (one logit stands for two classes)'
        names = [self.shown[i] for i in self.shared(saved, initial)]
        if not names:
            return f'{text}, no class has a name in common'
        return f'{text}; {len(names)} class{"es"[: 2 * (len(names) > 1)]} copied by name: ' + (
            ', '.join(names)
        )


class FineTuned(NamedTuple):
    """A full state dict for the network, and where its tensors came from."""

    state: dict[str, Tensor]
    loaded: int
    notes: list[str]

    def sentence(self, path: object) -> str:
        """One line about how many tensors were loaded, and which were not."""
        return '; '.join([f'loaded {self.loaded} tensors from {path}', *self.notes])


def fine_tune(
    source: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    path: object,
    classifiers: Collection[str] = (),
    source_classes: Sequence[str] | None = None,
    model_classes: Sequence[str] | None = None,
    min_backbone: float = MIN_BACKBONE,
) -> FineTuned:
    """Load the weights of a checkpoint into a network that may differ from it behind the backbone.

    Tensors of the same name and shape are copied. A classifier for other classes gets the rows of
    classes that the checkpoint has, too, by name; its other rows stay random. The first kernel is
    fitted to another number of image channels by :func:`fit_channels`. Everything else outside the
    backbone that is missing or has another shape stays as initialised, and is reported.

    Args:
        source: The checkpoint's state dict.
        initial: The network's state dict, initialised.
        path: The checkpoint, for messages.
        classifiers: Keys of tensors with one row for each class, see :func:`classifier_keys`.
        source_classes: Names of the checkpoint's classes in id order, None if unknown.
        model_classes: Names of the network's classes, None if unknown.
        min_backbone: Least share, 0 to 1, of the backbone's tensors that must be copied.

    Raises:
        UserError: A smaller share of the backbone fits; it names all tensors that do not.
    """
    names = ClassNames(source_classes, model_classes)
    result: dict[str, Tensor] = {}
    remade: list[str] = []
    notes: list[str] = []
    for key, value in initial.items():
        saved = source.get(key)
        if saved is None or key.endswith(COUNTER):
            continue
        if key in classifiers and names.differ(saved, value):
            result[key] = names.copy_rows(saved, value)
            remade.append(key)
        elif saved.shape == value.shape:
            result[key] = saved
        elif key.startswith(BACKBONE) and _is_first_kernel(saved, value):
            result[key] = fit_channels(saved, value.shape[1])
            notes.append(f'first kernel fitted from {RGB} to {value.shape[1]} channels')
    _require_backbone(source, initial, result, min_backbone, path)
    if remade:
        notes.insert(0, names.sentence(source[remade[0]], initial[remade[0]]))
    unset = [key for key in initial if key not in result and not key.endswith(COUNTER)]
    unused = [key for key in source if key not in initial]
    notes += [f'left as initialised: {_places(unset)}'] if unset else []
    notes += [f'not used: {_places(unused)}'] if unused else []
    return FineTuned({**initial, **result}, len(result), notes)


def classifier_keys(model: nn.Module, num_classes: int) -> set[str]:
    """Keys of the weights and biases of the classifiers of a network.

    These are the convolutions outside the backbone with a bias and ``num_classes`` outputs; the
    networks here have no others of that kind.
    """
    return {
        f'{name}.{part}'
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
        and not name.startswith(BACKBONE)
        and module.bias is not None
        and module.out_channels == num_classes
        for part in ('weight', 'bias')
    }


def class_names(checkpoint: Mapping) -> Sequence[str] | None:
    """Names of a checkpoint's classes, from its own metadata or that of its training data.

    mmsegmentation before 1.0 writes the keys in capitals. What is not a list of names is ignored.
    """
    meta = checkpoint.get('meta')
    for entries in (meta, meta.get('dataset_meta') if isinstance(meta, Mapping) else None):
        for key in ('classes', 'CLASSES'):
            names = entries.get(key) if isinstance(entries, Mapping) else None
            if names and isinstance(names, (list, tuple)):
                return names
    return None


def fit_channels(kernel: Tensor, channels: int) -> Tensor:
    """Fit a first kernel (out, 3, h, w) for RGB to images of N ``channels``: (out, N, h, w).

    If N is less than three, each channel gets the mean of the three kernels. Otherwise the first
    three keep theirs, and each further one gets the mean. All are scaled by 3 / N, so that an image
    with equal channels gives the same response as before.
    """
    mean = kernel.mean(1, keepdim=True)
    parts = [mean] * channels if channels < RGB else [kernel, *[mean] * (channels - RGB)]
    return torch.cat(parts, 1) * (RGB / channels)


def _is_first_kernel(saved: Tensor, initial: Tensor) -> bool:
    return (
        initial.ndim == 4
        and saved.ndim == 4
        and saved.shape[1] == RGB
        and saved.shape[0] == initial.shape[0]
        and saved.shape[2:] == initial.shape[2:]
    )


def _require_backbone(
    source: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    result: Mapping[str, Tensor],
    least: float,
    path: object,
) -> None:
    keys = [key for key in initial if key.startswith(BACKBONE) and not key.endswith(COUNTER)]
    unset = [key for key in keys if key not in result]
    share = 1 - len(unset) / max(len(keys), 1)
    if share >= least:
        return
    faults = {
        'missing from the file': [key for key in unset if key not in source],
        'of another shape': [
            f'{key}: file {tuple(source[key].shape)}, model {tuple(initial[key].shape)}'
            for key in unset
            if key in source
        ],
    }
    raise UserError(
        f'load_from: {share:.0%} of the {len(keys)} tensors of the backbone are in {path}, '
        f'at least {least:.0%} must be (finetune.min_backbone): another backbone, or weights to '
        f'bring over by {tool("convert_weights")}\n' + describe('what does not fit', faults)
    )


def _places(keys: Sequence[str]) -> str:
    """Numbers of tensors by part, as text: ``decode_head.stages (14), ...``."""
    parts: dict[str, int] = {}
    for key in keys:
        part = '.'.join(key.split('.')[:2])
        parts[part] = parts.get(part, 0) + 1
    return ', '.join(f'{part} ({count})' for part, count in parts.items())
