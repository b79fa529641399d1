"""The precision of float32 convolutions and matrix products on NVIDIA's GPUs."""

import torch


def set_tf32(allowed: bool | None) -> None:
    """Let tensor cores round the factors of float32 products to 10 bits of mantissa (TF32), or not.

    For the whole process, for cuDNN's convolutions and for matrix products. By PyTorch's default
    convolutions may use TF32 and matrix products may not.

    Args:
        allowed: None leaves both as they are.
    """
    if allowed is not None:
        torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cuda.matmul.allow_tf32 = allowed
