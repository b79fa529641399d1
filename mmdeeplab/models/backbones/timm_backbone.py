"""Any network of timm that has feature maps, at the output stride asked for."""

import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.checkpoint.pretrained import load_pretrained, pop_pretrained_cfg
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.models.atrous import check_output_stride
from mmdeeplab.models.backbones.dilate import dilated_layers, strides_read
from mmdeeplab.models.layers.conv import freeze_norm_statistics
from mmdeeplab.registry import MODELS

# Without these a transformer takes images of the one size that it was trained on.
ANY_SIZE: dict[str, dict[str, Any]] = {
    'vision_transformer': dict(dynamic_img_size=True, dynamic_img_pad=True),
    'eva': dict(dynamic_img_size=True, dynamic_img_pad=True),
    'swin_transformer': dict(strict_img_size=False),
    'swin_transformer_v2': dict(strict_img_size=False),
}

# Modules of timm, all of whose layers read a neighbourhood of their own pixel, or the mean of the
# map: tests/models/test_timm_backbone.py proves it of each. Others mix the pixels of the map.
FAMILIES = frozenset(
    (
        *('byobnet', 'convnext', 'cspnet', 'cspnext', 'densenet', 'dla', 'dpn'),
        *('efficientnet', 'fasternet', 'fastvit', 'focalnet', 'ghostnet', 'hardcorenas', 'hgnet'),
        *('inception_next', 'inception_resnet_v2', 'inception_v4', 'lcnetv2'),
        *('mambaout', 'metaformer', 'mobilenetv3', 'nfnet', 'rdnet', 'regnet', 'repghost'),
        *('repvit', 'res2net', 'resnest', 'resnet', 'resnetv2', 'rexnet', 'selecsls', 'senet'),
        *('sknet', 'starnet', 'tresnet', 'vgg', 'vovnet', 'xception', 'xception_aligned'),
    )
)
# Classes of layers in some networks of these families, for which that does not hold.
MIXING = re.compile(
    'Attention2?d?|AttentionBlock|BottleneckAttn|HaloAttn|LambdaLayer|BatNonLocalAttn|GlobalContext'
    '|MultiQueryAttention2d|CondConv2d|GhostModuleV[23]'
)

# Of these families, too, some networks run only at sides that their strides divide.
PADDED = frozenset(('dla', 'tresnet'))


def import_timm() -> ModuleType:
    """The package, which is an extra.

    Raises:
        UserError: It is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise UserError(
            f'mmdeeplab.TimmBackbone needs timm, which is not here ({error}): '
            "pip install 'mmdeeplab[timm]'"
        ) from error
    return timm


def family_of(name: str) -> str:
    """The module of timm that defines a network (``resnet``, ``efficientnet``, ...).

    Raises:
        UserError: timm has no network of that name.
    """
    timm = import_timm()
    if not timm.is_model(name):
        known = timm.list_models()
        raise UserError(f'timm {timm.__version__} has no network {name}{did_you_mean(name, known)}')
    return timm.model_entrypoint(name).__module__.rpartition('.')[2]


def chosen_maps(strides: Sequence[int], out_indices: Sequence[int] | None) -> list[int]:
    """Indices of the maps to return: given ones, or the last one of every stride from 4 on.

    Where all have one stride, four of them evenly spaced, the last one among them.
    """
    if out_indices is not None:
        return [range(len(strides))[i] for i in out_indices]
    last = {stride: i for i, stride in enumerate(strides)}
    if len(last) > 1:
        return [i for stride, i in last.items() if stride >= 4]
    quarters = {len(strides) * quarter // 4 - 1 for quarter in (1, 2, 3, 4)}
    return sorted(i for i in quarters if i >= 0)


def require_dilatable(name: str, network: nn.Module, strides: Sequence[int]) -> None:
    """Refuse another output stride for a network whose layers read more than neighbourhoods.

    Args:
        name: Of the network.
        network: The layers that are run.
        strides: Of its maps.

    Raises:
        UserError: It has no strides to trade, or its layers would compute something else.
    """
    own = max(strides)
    way_out = f'leave output_stride out, for its own {own}, or take a convolutional network'
    if len(set(strides)) == 1:
        raise UserError(f'{name} of timm has one grid of stride {own} and none to trade: {way_out}')
    classes = sorted({type(layer).__name__ for layer in network.modules()})
    mixing = next((cls for cls in classes if MIXING.fullmatch(cls)), None)
    if mixing or family_of(name) not in FAMILIES:
        raise UserError(
            f'{name} of timm cannot be dilated: its {mixing or "layers"} would compute something '
            f'else on a finer map; {way_out}'
        )


@MODELS.register_module()
class TimmBackbone(BaseModule):
    """A network of timm (Hugging Face's ``pytorch-image-models``) as a backbone.

    Input (N, in_channels, H, W), normalised as the network was trained
    (``timm.create_model(NAME).pretrained_cfg``). Output: maps of growing stride, (N, channels[i],
    H / strides[i], W / strides[i]); as shipped the last one of each stride from 4 on, of a
    transformer with one grid four maps of that grid. ``channels`` and ``strides`` of the built
    backbone say what they are; :class:`EncoderDecoder` fills them in where ``in_channels`` is
    left out.

    A convolutional network runs at any output stride: its later layers are dilated by ours, so that
    on the coarse grid the maps are those of the network as timm has it (apart from means over the
    whole map, which a finer map changes). Transformers run at their own stride only; their images
    are padded behind with zeros to sides that it divides.

    Args:
        name: As ``timm.list_models()`` has it, with or without a tag behind a dot.
        output_stride: 8, 16 or 32; the network's own without it.
        out_indices: Indices of timm's feature maps; negative ones count from the last.
        in_channels: Channels of the image.
        pretrained: A .safetensors or .pth file with timm's names, or ``hf-hub:timm/NAME``, which
            training downloads and verifies: short for ``init_cfg=dict(type='Pretrained', ...)``.
            Every tensor must fit; those of the layers behind the last map are left out.
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        options: More arguments of timm's own, such as ``drop_path_rate``.
        init_cfg: MMEngine initialisation; without it timm's.

    Raises:
        UserError: timm is not installed or does not know the name, or the network cannot run at
            that output stride.
        ValueError: An output stride that is none.
    """

    names_behind = 'network.'  # what stands before timm's names of tensors

    def __init__(
        self,
        name: str,
        output_stride: int | None = None,
        out_indices: Sequence[int] | None = None,
        in_channels: int = 3,
        *,
        pretrained: str | None = None,
        norm_eval: bool = False,
        options: Mapping[str, Any] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if pretrained is not None:
            if init_cfg:
                raise ValueError('pretrained and init_cfg both start the backbone')
            init_cfg = dict(type='Pretrained', checkpoint=pretrained)
        super().__init__(init_cfg)
        self.norm_eval = norm_eval
        family = family_of(name)
        arguments = {**ANY_SIZE.get(family, {}), **(options or {})}
        network = import_timm().create_model(name, in_chans=in_channels, **arguments)
        if not hasattr(network, 'forward_intermediates'):
            raise UserError(f'{name} of timm returns no feature maps: choose another network')
        infos = list(network.feature_info)
        nominal = [info['reduction'] for info in infos]
        indices = chosen_maps(nominal, out_indices)
        self.divisor = max(nominal) if family in PADDED or family not in FAMILIES else 1
        whole = set(network.state_dict())
        self.indices = network.prune_intermediate_layers(indices, prune_norm=True, prune_head=True)
        self.unused_tensors = frozenset(whole - set(network.state_dict()))
        own = nominal[indices[-1]]
        self.output_stride = own if output_stride is None else output_stride
        if self.output_stride != own:
            check_output_stride(self.output_stride)
            require_dilatable(name, network, nominal)
            strides = strides_read(network, in_channels, self._maps)
            for key, layer in dilated_layers(network, strides, self.output_stride).items():
                parent, _, leaf = key.rpartition('.')
                setattr(network.get_submodule(parent), leaf, layer)
        self.channels = tuple(infos[i]['num_chs'] for i in indices)
        self.strides = tuple(min(nominal[i], self.output_stride) for i in indices)
        self.network = network

    def _maps(self, network: Any, x: Tensor) -> tuple[Tensor, ...]:
        if self.divisor > 1:
            x = F.pad(x, (0, -x.shape[3] % self.divisor, 0, -x.shape[2] % self.divisor))
        return tuple(
            network.forward_intermediates(x, indices=self.indices, intermediates_only=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self._maps(self.network, x)

    def init_weights(self) -> None:
        """Load ``pretrained``, unless whoever builds the network does; timm has drawn the rest.

        Raises:
            UserError: The file does not fit.
        """
        for spec in pop_pretrained_cfg(self):
            load_pretrained(spec._replace(name='backbone'))

    def train(self, mode: bool = True) -> 'TimmBackbone':
        super().train(mode)
        if mode and self.norm_eval:
            freeze_norm_statistics(self)
        return self
