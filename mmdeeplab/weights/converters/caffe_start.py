"""Make the starting point of DeepLab v1 and v2 from ImageNet's VGG-16 (v1: 3.1, v2: 4.1)."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.weights.table import Array

STEPS = {7: 1, 4: 2, 3: 3}  # kernel of fc6 -> rows and columns of the 7x7 one that it keeps
NEEDED = {'fc6/weights', 'fc6/biases', 'fc7/weights', 'fc7/biases'}
OLD = 'imagenet/'  # prefix of the names of arrays that are not used


def from_classification(
    source: Mapping[str, Array],
    channels: int = 1024,
    kernel_size: int = 3,
    branches: int = 1,
    classes: int = 21,
    seed: int = 0,
) -> dict[str, Array]:
    """Reduce ImageNet's VGG-16 to the starting point of DeepLab.

    Of fc6's 7x7 kernel every second row and column is kept (4x4) or every third (3x3); the atrous
    rate spreads them again. Of the 4096 filters of fc6 and fc7, ``channels`` random ones are kept.
    The authors' `vgg16_20M`, which is reduced already, is not changed. All branches of ASPP start
    from the same fc6 and fc7. The classifier is drawn from N(0, 0.01).

    Args:
        source: Arrays of the classification network; fc6/weights (4096, 25088) or
            (4096, 512, 7, 7), fc7/weights (4096, 4096) or (4096, 4096, 1, 1).
        channels: Channels of fc6 and fc7.
        kernel_size: Side of fc6's kernel: 3, 4 or 7.
        branches: Number of branches, one for each rate.
        classes: Number of classes.
        seed: Seed of the choice of filters and of the classifier.

    Returns:
        Arrays for the table of :mod:`mmdeeplab.weights.converters.caffe`; the names of the old
        classifier's arrays get the prefix ``imagenet/``.

    Raises:
        UserError: The kernel is not 3, 4 or 7, there are fewer channels, or fc6 is cut already.
    """
    if kernel_size not in STEPS:
        raise UserError(f'kernel_size must be one of 3, 4, 7, got {kernel_size!r}')
    rng = np.random.default_rng(seed)
    full = len(source['fc6/biases'])
    if channels > full:
        raise UserError(f'channels must be at most {full}, as many as fc6 has, got {channels!r}')
    fc6, fc7 = source['fc6/weights'], source['fc7/weights'].reshape(full, full, 1, 1)
    if fc6.shape[1:] == (512, kernel_size, kernel_size) and channels == full:
        six = seven = np.arange(full)
    else:
        six, seven = (np.sort(rng.choice(full, channels, replace=False)) for _ in range(2))
        step = STEPS[kernel_size]
        if fc6.size % (full * 7 * 7) or fc6.shape[2:] not in ((), (7, 7)):
            raise UserError(
                f'fc6 of these weights is {fc6.shape}: it is taken with its own kernel and all '
                f'{full} channels, and only a kernel of 7x7 can be cut'
            )
        fc6 = fc6.reshape(full, -1, 7, 7)[:, :, ::step, ::step]
    cut = {name: array for name, array in source.items() if name.startswith('conv')}
    cut |= {OLD + name: array for name, array in source.items() if name.startswith('fc8')}
    for i in range(1, branches + 1):
        cut[f'fc6_{i}/weights'] = fc6[six]
        cut[f'fc6_{i}/biases'] = source['fc6/biases'][six]
        cut[f'fc7_{i}/weights'] = fc7[seven][:, six]
        cut[f'fc7_{i}/biases'] = source['fc7/biases'][seven]
    cut['fc8/weights'] = rng.normal(0, 0.01, (classes, branches * channels, 1, 1))
    cut['fc8/biases'] = np.zeros(classes)
    return cut


def cut_for(source: Mapping[str, Array], model: Mapping[str, Tensor]) -> dict[str, Array] | None:
    """:func:`from_classification` with the shapes of ``model``; None if it has no fc6 and fc7.

    Args:
        source: Arrays of the classification network.
        model: The state dict to be filled; only keys and shapes are read.
    """
    kernels = [value for key, value in model.items() if key.endswith('.fc6.conv.weight')]
    scores = model.get('decode_head.conv_seg.weight')
    if not kernels or scores is None or not source.keys() >= NEEDED:
        return None
    channels, _, size, _ = kernels[0].shape
    return from_classification(source, channels, size, len(kernels), len(scores))
