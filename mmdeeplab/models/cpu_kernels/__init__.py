"""Small C kernels for what PyTorch is slow at on a CPU, compiled on this machine at first use.

They need a C compiler (``$CC``, cc, gcc or clang), as ``torch.compile`` does, and AVX-512, without
which PyTorch is faster. Where one is missing, or with ``MMDEEPLAB_KERNELS=0``, everything runs by
PyTorch's own operations and gives the same results but for the last bits of sums.
"""

from mmdeeplab.models.cpu_kernels.build import library

__all__ = ['library']
