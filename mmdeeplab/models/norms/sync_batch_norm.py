"""BatchNorm over the images of all GPUs, without making the host wait in every layer."""

from typing import Any

import torch
from torch import Tensor, distributed, nn


class Synchronised(torch.autograd.Function):
    """Batch normalisation by the statistics of all ranks; every rank has at least one image."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Any, bias: Any, layer: nn.SyncBatchNorm) -> Tensor:
        x = _dense(x)
        group, track = layer.process_group, layer.track_running_stats
        channels, world = x.shape[1], distributed.get_world_size(group)
        mean, invstd = torch.batch_norm_stats(x, layer.eps)
        local = torch.cat([mean, invstd, mean.new_full((1,), x.numel() // channels)])
        of_all_ranks = local.new_empty(world * len(local))
        distributed.all_gather_into_tensor(of_all_ranks, local, group)
        means, invstds, counts = of_all_ranks.view(world, -1).split([channels, channels, 1], 1)
        counts = counts.flatten()
        running = (layer.running_mean, layer.running_var) if track else (None, None)
        mean, invstd = torch.batch_norm_gather_stats_with_counts(
            x, means, invstds, *running, layer.momentum or 0.0, layer.eps, counts
        )
        ctx.save_for_backward(x, weight, mean, invstd, counts.to(torch.int32))
        ctx.group = group
        return torch.batch_norm_elemt(x, weight, bias, mean, invstd, layer.eps)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight, mean, invstd, counts = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        sums, products, *of_affine = torch.batch_norm_backward_reduce(
            _dense(grad), x, mean, invstd, weight, *wanted
        )
        of_x = None
        if wanted[0]:
            both = torch.cat([sums, products])
            distributed.all_reduce(both, group=ctx.group)
            sums, products = both.chunk(2)
            of_x = torch.batch_norm_backward_elemt(
                _dense(grad), x, mean, invstd, weight, sums, products, counts
            )
        # DistributedDataParallel sums the gradients of weight and bias over the ranks.
        asked = (weight is not None and want for want in wanted[1:])
        return (
            of_x,
            *(gradient if ask else None for gradient, ask in zip(of_affine, asked, strict=True)),
            None,
        )


class SyncBatchNorm(nn.SyncBatchNorm):
    """``nn.SyncBatchNorm`` whose forward pass does not make the host wait for the GPU.

    PyTorch's asks in each layer which ranks have no images, and the host waits for the answer. Here
    every rank has some, since training batches are whole.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise a map (N, C, H, W); N is at least 1 on each rank."""
        several = distributed.is_initialized() and distributed.get_world_size() > 1
        if not (self.training and several) or self.momentum is None:
            return super().forward(input)
        self._check_input_dim(input)
        if self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return Synchronised.apply(input, self.weight, self.bias, self)


def _dense(x: Tensor) -> Tensor:
    """The map itself if it is channels-last, otherwise a contiguous map of the same values."""
    return x if x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()
