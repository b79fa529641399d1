"""Inference on a CPU by a plan: convolutions folded, packed and fused, labels without logits."""
