"""Build a network for inference: its config, and the network with its weights."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.changes import ConfigChange, apply
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError
from mmdeeplab.models.load import load_weights
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.weights.resolve import find_checkpoint, resolve


def make_config(
    model: str | Path | Config,
    checkpoint: str | Path | None,
    options: ConfigOptions,
    changes: Iterable[ConfigChange],
) -> tuple[Config, Path]:
    """Make the config of a network with its wrappers, and find the file of its weights.

    Args:
        model: The argument of :class:`DeepLabPredictor`.
        checkpoint: The weights.
        options: Options for a config that is given by its path or name.
        changes: Changes to the config that put wrappers around the network.

    Raises:
        UserError: The config or the weights are missing, or there are options for a config that is
            given as such.
    """
    name = None if checkpoint is None else str(checkpoint)
    if not isinstance(model, Config):
        config, settings, weights = resolve(str(model), name)
        options = replace(options, cfg_options=[*settings, *options.cfg_options])
        return load_config(config, options, changes), weights
    if name is None:
        raise UserError('a config needs a checkpoint')
    if options != ConfigOptions():
        raise UserError('options go with the path or name of a config; this one is read already')
    cfg = Config(model.to_dict())  # a copy: the caller's config stays as it is
    return apply(cfg, changes), find_checkpoint(name)


def load_segmentor(
    cfg: Config, checkpoint: str | Path, device: str | None = None
) -> tuple[BaseModel, dict]:
    """Build the network of ``cfg``, with its wrappers; load its weights; set it to evaluation.

    Returns:
        The network and the checkpoint.

    Raises:
        UserError: The weights do not fit, there is no such device, or the network is a user's own
            segmentor without backbone and head.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(replace_losses(cfg.model)[0]).float()  # whatever torch's default is
    if not isinstance(network := unwrap(model), EncoderDecoder):
        raise UserError(
            f'{type(network).__name__} is no EncoderDecoder: it can be trained and tested, but not '
            'predict, be exported or teach'
        )
    loaded = load_weights(model, checkpoint)
    try:
        return model.to(device or get_device()).eval(), loaded
    except (RuntimeError, AssertionError) as error:
        raise UserError(f'--device {device}: {str(error).splitlines()[0]}') from error
