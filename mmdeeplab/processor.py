"""What the processor of this machine computes right, and fast enough to be of use."""

import torch


def has_bf16() -> bool:
    """Whether oneDNN has bfloat16 convolutions for this processor (x86: AVX-512 or newer).

    Without them PyTorch falls back to loops that take more than ten times as long as float32.
    """
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_vnni() -> bool:
    """Whether sums of products of bytes are exact: without VNNI, x86 saturates them at 16 bits."""
    return torch.cpu._is_vnni_supported()
