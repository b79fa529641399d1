"""Inference on a CPU by a plan: convolutions folded, packed and fused, labels without logits."""

from mmdeeplab.inference.accelerate.segmentor import FAST, FastSegmentor, accelerate, engines_used

__all__ = ['FAST', 'FastSegmentor', 'accelerate', 'engines_used']
