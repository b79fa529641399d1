"""The base of the backbones that have BatchNorm."""

from mmengine.model import BaseModule
from torch import nn

from mmdeeplab.models.layers.conv import convolutions, init_as_configured, truncated_normal_
from mmdeeplab.models.norms.norm_layers import norm_layers


class Backbone(BaseModule):
    """A backbone whose BatchNorm can keep its statistics in training.

    Args:
        norm_eval: Let BatchNorm use its running statistics in training, too, as TF's
            ``fine_tune_batch_norm=False``; gamma and beta still train.
        init_cfg: MMEngine initialisation; by default :meth:`init_conv` of every convolution.
    """

    def __init__(self, norm_eval: bool, init_cfg: dict | None) -> None:
        super().__init__(init_cfg)
        self.norm_eval = norm_eval

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg:
            init_as_configured(self)
            return
        for conv, _ in convolutions(self):
            self.init_conv(conv)

    def init_conv(self, conv: nn.Conv2d) -> None:
        """Initialise one convolution: by default as TF's Xception and MobileNets."""
        truncated_normal_(conv, 0.09)

    def train(self, mode: bool = True) -> 'Backbone':
        super().train(mode)
        if mode and self.norm_eval:
            for norm in norm_layers(self).values():
                norm.eval()
        return self
