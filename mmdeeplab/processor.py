"""Features of this machine's processor: AVX-512, bfloat16, and exact products of bytes."""

import torch


def has_avx512() -> bool:
    """Whether PyTorch computes with vectors of 512 bits."""
    return torch.backends.cpu.get_cpu_capability() == 'AVX512'


def has_bf16() -> bool:
    """Whether oneDNN has bfloat16 convolutions for this processor (x86: AVX-512 or newer).

    Without them PyTorch falls back to loops that take more than ten times as long as float32.
    """
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_vnni() -> bool:
    """Whether sums of int8 products are exact: without VNNI, x86 saturates them at 16 bits."""
    return torch.cpu._is_vnni_supported()
