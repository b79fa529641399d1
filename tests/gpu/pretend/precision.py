"""``torch.autocast('cuda')`` by the lists of PyTorch's manual, "CUDA Op-Specific Behavior"."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from pretend.tensor import GpuTensor

LOWER = {
    *('__matmul__', 'addbmm', 'addmm', 'addmv', 'addr', 'baddbmm', 'bmm', 'chain_matmul', 'conv1d'),
    *('conv2d', 'conv3d', 'conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d', 'linear'),
    *('matmul', 'mm', 'mv', 'prelu', 'multi_dot', 'scaled_dot_product_attention', 'einsum'),
}
FULL = {
    *('__pow__', '__rdiv__', '__rpow__', '__rtruediv__', 'acos', 'asin', 'cosh', 'cumprod'),
    *('binary_cross_entropy_with_logits', 'cosine_similarity', 'cross_entropy', 'cumsum', 'dist'),
    *('erfinv', 'exp', 'expm1', 'group_norm', 'interpolate', 'kl_div', 'l1_loss', 'layer_norm'),
    *('log', 'log10', 'log1p', 'log2', 'log_softmax', 'logsumexp', 'mse_loss', 'nll_loss', 'norm'),
    *('normalize', 'pow', 'prod', 'reciprocal', 'renorm', 'rsqrt', 'sinh', 'smooth_l1_loss'),
    *('softmax', 'softmin', 'softplus', 'sum', 'tan'),
}


class Casts(TorchFunctionMode):
    """Cast what reaches a function of the lists."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, '__name__', '')
        kind = self.dtype if name in LOWER else torch.float32 if name in FULL else None
        if kind is None:
            return func(*args, **kwargs)

        def cast(x: GpuTensor) -> torch.Tensor:
            return x.to(kind) if x.dtype in {torch.float32, self.dtype} - {kind} else x

        return func(*tree_map_only(GpuTensor, cast, args), **tree_map_only(GpuTensor, cast, kwargs))


REAL = torch.autocast


class Autocast(REAL):
    """torch's for other devices; on the pretended GPUs :class:`Casts`."""

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, **kwargs: Any):
        self.pretended = device_type == 'cuda'
        if not self.pretended:
            super().__init__(device_type, dtype, enabled, **kwargs)
            return
        self.device, self._enabled, self._cache_enabled = device_type, enabled, True
        self.fast_dtype = dtype or torch.float16

    def __enter__(self) -> Any:
        if not self.pretended:
            return super().__enter__()
        self.before = torch.is_autocast_enabled('cuda'), torch.get_autocast_dtype('cuda')
        torch.set_autocast_enabled('cuda', self._enabled)
        torch.set_autocast_dtype('cuda', self.fast_dtype)
        self.casts = Casts(self.fast_dtype) if self._enabled else None
        if self.casts:
            self.casts.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        if not self.pretended:
            return super().__exit__(*error)
        if self.casts:
            self.casts.__exit__(*error)
        torch.set_autocast_enabled('cuda', self.before[0])
        torch.set_autocast_dtype('cuda', self.before[1])
        return False


def patch_autocast() -> None:
    """Let every name of autocast be ours."""
    for module in (torch, torch.amp, torch.amp.autocast_mode):
        module.autocast = Autocast  # type: ignore[attr-defined]

    def cuda_autocast(enabled: bool = True, dtype: Any = torch.float16, **kwargs: Any) -> Autocast:
        return Autocast('cuda', dtype, enabled)

    torch.cuda.amp.autocast = cuda_autocast  # type: ignore[misc,assignment]
