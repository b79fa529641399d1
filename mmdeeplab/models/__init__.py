"""Networks: backbone -> neck -> decode head."""

from mmdeeplab.models import backbones, data_preprocessor, decode_heads, necks

__all__ = ['backbones', 'data_preprocessor', 'decode_heads', 'necks']
