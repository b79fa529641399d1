"""Convert TensorFlow Lite files, float or quantised, of DeepLabv3 on MobileNetV2 without rates.

A file is converted to the form of a TF checkpoint, for which TF's table is used. Layers are
recognised by the graph, not by the names of tensors, which converters change. BN is folded into the
convolutions of such a file, so a bias becomes the beta of a norm that does nothing else.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mmdeeplab.fileio.input_files import is_regular, read_bytes
from mmdeeplab.models.backbones.inverted_residual import MOBILE_NORM
from mmdeeplab.models.layers.conv import HEAD_NORM
from mmdeeplab.weights.converters import tf
from mmdeeplab.weights.readers.tflite_graph import Layer, TFLiteGraph, UnreadableError
from mmdeeplab.weights.table import Array, Fitting, Table

BLOCKS = 17
POOLING = {'AVERAGE_POOL_2D', 'MEAN'}
MERGING = {'ADD', 'CONCATENATION'}
BACKBONE = 'MobilenetV2/'
CLASSIFIER = 'logits/semantic'
STEM = f'{BACKBONE}Conv/weights'
CORAL = {32: 'deeplabv3_mobilenetv2-coral_voc', 16: 'deeplabv3_mobilenetv2-dm05-coral_voc'}
TABLE = tf.TABLE._replace(name='tflite')


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for these arrays; there is only one."""
    return TABLE


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """Coral's config with the width of the first convolution, or None.

    The arrays do not tell how pixels are scaled; the published files are those of Coral.
    """
    name = CORAL.get(source[STEM].shape[-1]) if STEM in source else None
    return Fitting(name) if name else None


def read(path: Path) -> dict[str, Array]:
    """Read the layers of a ``.tflite`` file with TF's variable names and in TF's layout.

    Quantised tensors are converted to float by their scale and zero point.

    Raises:
        UserError: The file is missing, not TensorFlow Lite or of another network, or the package
            `tflite` is not installed.
    """
    if not is_regular(path):
        raise UnreadableError(f'no such file: {path}')
    try:
        return dict(variables(TFLiteGraph(read_bytes(path)).layers()))
    except UnreadableError as error:
        raise UnreadableError(f'{path}: {error}') from error


def variables(layers: list[Layer]) -> Iterator[tuple[str, Array]]:
    """Name the layers, and give each a norm, except the classifier.

    Raises:
        UnreadableError: The graph is another network.
    """
    named = name_layers(layers)
    if len(named) != len(layers):
        raise UnreadableError(f'has {len(layers)} convolutions, of which {len(named)} are known')
    for scope, layer in named.items():
        # (out, H, W, in) and (1, H, W, C) alike become TF's (H, W, in, out) and (H, W, C, 1)
        kernel = layer.weights.transpose(1, 2, 3, 0)
        yield f'{scope}/{"depthwise_" if layer.depthwise else ""}weights', kernel
        if scope == CLASSIFIER:
            yield f'{scope}/biases', layer.bias
            continue
        norm = MOBILE_NORM if scope.startswith(BACKBONE) else HEAD_NORM
        ones = np.ones_like(layer.bias)
        yield f'{scope}/BatchNorm/gamma', ones
        yield f'{scope}/BatchNorm/beta', layer.bias
        yield f'{scope}/BatchNorm/moving_mean', 0 * ones
        yield f'{scope}/BatchNorm/moving_variance', (1 - norm['eps']) * ones


def name_layers(layers: list[Layer]) -> dict[str, Layer]:
    """TF's scopes of the convolutions: stem, 17 blocks found by their depthwise ones, head.

    Raises:
        UnreadableError: The graph is another network.
    """
    depthwise = [layer for layer in layers if layer.depthwise]
    if len(depthwise) != BLOCKS:
        raise UnreadableError(
            f'has {len(depthwise)} depthwise convolutions, not the {BLOCKS} of MobileNetV2 '
            'without atrous branches and without decoder'
        )
    stem = layers[0]
    named = {f'{BACKBONE}Conv': stem}
    for i, layer in enumerate(depthwise):
        block = f'{BACKBONE}expanded_conv{f"_{i}" if i else ""}'
        before = layers[layer.source or 0]
        if before is not stem:
            named[f'{block}/expand'] = before
        named[f'{block}/depthwise'] = layer
        end = named[f'{block}/project'] = reader(f'{block}/project', layers, layer)
    pooling = reader('image_pooling', layers, end, POOLING)
    named['image_pooling'] = pooling
    named['aspp0'] = reader('aspp0', layers, end)
    # TF puts the pooled branch first, and a trace follows first inputs
    projection = reader('concat_projection', layers, pooling, MERGING)
    named['concat_projection'] = projection
    named[CLASSIFIER] = reader(CLASSIFIER, layers, projection)
    return named


def reader(
    scope: str, layers: list[Layer], source: Layer, through: set[str] | None = None
) -> Layer:
    """The only convolution that reads ``source``: through one of the operators ``through``, or by
    default through neither pooling nor merging.

    Raises:
        UnreadableError: There is none, or several.
    """
    marks = POOLING | MERGING
    readers = [
        layer
        for layer in layers
        if layer.source == source.number
        and (layer.through & through if through else not layer.through & marks)
    ]
    if len(readers) != 1:
        raise UnreadableError(f'has {len(readers)} convolutions in the place of {scope}')
    return readers[0]
