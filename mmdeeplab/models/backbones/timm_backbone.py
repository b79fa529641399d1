"""Networks of timm as backbones, at any output stride."""

import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.checkpoint.pretrained import load_pretrained, pop_pretrained_cfg
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.models.atrous import check_output_stride
from mmdeeplab.models.backbones.base import Backbone
from mmdeeplab.models.backbones.dilate import dilated_layers, strides_read
from mmdeeplab.registry import MODELS

# Arguments without which a transformer takes only images of the size that it was trained on.
ANY_SIZE: dict[str, dict[str, Any]] = {
    'vision_transformer': dict(dynamic_img_size=True, dynamic_img_pad=True),
    'eva': dict(dynamic_img_size=True, dynamic_img_pad=True),
    'swin_transformer': dict(strict_img_size=False),
    'swin_transformer_v2': dict(strict_img_size=False),
}

# Modules of timm whose networks can be dilated: each layer reads a neighbourhood of its own pixel,
# or the mean of the map. tests/models/test_timm_backbone.py checks it for each.
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
# Layers of some networks of these families that read the map in other ways.
MIXING = re.compile(
    'Attention2?d?|AttentionBlock|BottleneckAttn|HaloAttn|LambdaLayer|BatNonLocalAttn|GlobalContext'
    '|MultiQueryAttention2d|CondConv2d|GhostModuleV[23]'
)

# Families with networks that need images whose sides their strides divide.
PADDED = frozenset(('dla', 'tresnet'))


def import_timm() -> ModuleType:
    """Import timm, an optional dependency.

    Raises:
        UserError: timm is not installed.
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
        names = timm.list_models()
        raise UserError(f'timm {timm.__version__} has no network {name}{did_you_mean(name, names)}')
    return timm.model_entrypoint(name).__module__.rpartition('.')[2]


def chosen_maps(strides: Sequence[int], out_indices: Sequence[int] | None) -> list[int]:
    """Indices of the feature maps that a backbone returns, in timm's order.

    Args:
        strides: Stride of each of timm's feature maps.
        out_indices: Indices given by the user. By default the last map of each stride from 4 on is
            taken; if all maps have the same stride, four maps at even distances, the last included.

    Raises:
        UserError: The given indices are none, do not exist, or are not in ascending order.
    """
    if out_indices is not None:
        count = len(strides)
        indices = [i % count for i in out_indices if -count <= i < count]
        if not indices or len(indices) < len(out_indices) or indices != sorted(set(indices)):
            raise UserError(
                f'out_indices={tuple(out_indices)}: the network has {count} maps, 0 to '
                f'{count - 1}, and they are returned from the finest on: name some in that order'
            )
        return indices
    last = {stride: i for i, stride in enumerate(strides)}
    if len(last) > 1:
        return [i for stride, i in last.items() if stride >= 4]
    quarters = {len(strides) * quarter // 4 - 1 for quarter in (1, 2, 3, 4)}
    return sorted(i for i in quarters if i >= 0)


def require_dilatable(name: str, network: nn.Module, strides: Sequence[int]) -> None:
    """Refuse another output stride for a network that cannot be dilated.

    Args:
        name: timm's name of the network.
        network: The layers that are run.
        strides: Strides of its feature maps.

    Raises:
        UserError: All maps have the same stride, or some layers would compute something else on a
            finer map.
    """
    stride = max(strides)
    way_out = f'leave output_stride out, for its own {stride}, or take a convolutional network'
    if len(set(strides)) == 1:
        raise UserError(
            f'{name} of timm has one grid of stride {stride} and none to trade: {way_out}'
        )
    classes = sorted({type(layer).__name__ for layer in network.modules()})
    mixing = next((cls for cls in classes if MIXING.fullmatch(cls)), None)
    if mixing or family_of(name) not in FAMILIES:
        raise UserError(
            f'{name} of timm cannot be dilated: its {mixing or "layers"} would compute something '
            f'else on a finer map; {way_out}'
        )


@MODELS.register_module()
class TimmBackbone(Backbone):
    """A network of timm (Hugging Face's ``pytorch-image-models``) as a backbone.

    Input (N, in_channels, H, W), normalised as in the network's training
    (``timm.create_model(NAME).pretrained_cfg``). Output: maps (N, channels[i], H / strides[i],
    W / strides[i]) of growing stride. By default these are the last map of each stride from 4 on,
    or four maps of a transformer whose maps all have the same stride. The attributes ``channels``
    and ``strides`` describe them; :class:`EncoderDecoder` reads ``channels`` if a neck or head
    leaves ``in_channels`` out.

    Convolutional networks run at any output stride. Their later layers are replaced by dilated
    ones, so that at the pixels of the coarse map the values are those of timm's network (except
    where a layer reads the mean of the map, which differs on a finer map). Transformers run at
    their own stride only; images are padded with zeros at the right and the bottom to sides that
    it divides.

    Args:
        name: A name of ``timm.list_models()``, with or without a tag behind a dot.
        output_stride: 8, 16 or 32; by default the network's own.
        out_indices: Indices of timm's feature maps; negative ones count from the last.
        in_channels: Channels of the image.
        pretrained: A .safetensors or .pth file with timm's names of tensors, or
            ``hf-hub:timm/NAME``, which training downloads and verifies; short for
            ``init_cfg=dict(type='Pretrained', ...)``. Every tensor must fit; those of layers behind
            the last returned map are not used.
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        options: Further arguments of timm's network, such as ``drop_path_rate``.
        init_cfg: MMEngine initialisation; by default timm's.

    Raises:
        UserError: timm is not installed or does not know the name, or the network cannot run at
            that output stride.
        ValueError: The output stride is not 8, 16 or 32.
    """

    names_behind = 'network.'  # prefix of timm's names of tensors

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
        super().__init__(norm_eval, init_cfg)
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
        native_stride = nominal[indices[-1]]
        self.output_stride = native_stride if output_stride is None else output_stride
        if self.output_stride != native_stride:
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
        """Load the weights of ``pretrained``; timm's constructor has initialised the others.

        Raises:
            UserError: The file does not fit.
        """
        for spec in pop_pretrained_cfg(self):
            load_pretrained(spec._replace(name='backbone'))
