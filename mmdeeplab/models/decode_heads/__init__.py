"""Decode heads: a tuple of maps in, logits out."""

from mmdeeplab.models.decode_heads.asppv2_head import ASPPV2Head
from mmdeeplab.models.decode_heads.deeplabv3plus_head import DeepLabV3PlusHead
from mmdeeplab.models.decode_heads.lraspp_head import LRASPPHead, SigmoidLRASPPHead
from mmdeeplab.models.decode_heads.shrunk_label import ShrunkLabelFCNHead
from mmdeeplab.models.decode_heads.side_branch_head import SideBranchHead

__all__ = [
    'ASPPV2Head',
    'DeepLabV3PlusHead',
    'LRASPPHead',
    'ShrunkLabelFCNHead',
    'SideBranchHead',
    'SigmoidLRASPPHead',
]
