"""VGG-16 as DeepLab v1 and v2 run it (arXiv 1412.7062, section 3; their Caffe prototxt files)."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeeplab.errors import choose
from mmdeeplab.models.atrous import Step, atrous_steps, check_output_stride
from mmdeeplab.models.layers.conv import RELU
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


def stage(in_channels: int, channels: int, depth: int, rate: int) -> nn.Sequential:
    """3x3 convolutions with bias and ReLU, (N, in_channels, H, W) -> (N, channels, H, W)."""
    widths = (in_channels, *[channels] * depth)
    return nn.Sequential(
        *(
            ConvModule(widths[i], channels, 3, padding=rate, dilation=rate, act_cfg=RELU)
            for i in range(depth)
        )
    )


def max_pool(index: int, kernel: int, step: Step) -> nn.MaxPool2d:
    """The max pool behind stage ``index``, which rounds sizes up as Caffe does."""
    if index == len(STAGES) - 1:
        kernel = 3  # also in the models whose other pools are 2x2
    padding = 0 if kernel == 2 and step.stride == 1 else 1
    return nn.MaxPool2d(kernel, step.stride, padding, ceil_mode=True)


@MODELS.register_module()
class AtrousVGG16(BaseModule):
    """The convolutions of VGG-16; its late pools have stride 1, and atrous convolutions follow.

    Input (N, in_channels, H, W). Output at output stride 8, for sides 8 k + 1 (Caffe pads and
    rounds up: an even side n becomes n / 2 + 1):

    ===== ================= ================== ================== ============== ================
    index 0: pool1          1: pool2           2: pool3           3: pool4       4: pool5(a)
    size  (N, 64, H/2, W/2) (N, 128, H/4, W/4) (N, 256, H/8, W/8) (N, 512, ..8)  (N, 512, ..8)
    ===== ================= ================== ================== ============== ================

    Every convolution has a bias and a ReLU; there are no norm layers. Convolutions behind a pool
    whose stride is removed are dilated, so at the pixels of a coarser output stride, maps 0 to 3
    have its values. pool5 and pool5a do not: as published they are not dilated, and a 3x3 window at
    stride 8 covers less of the image than one at stride 16.

    Args:
        output_stride: 8 as published; 16 or 32.
        pool_kernel: Side of the pools' kernels: 3, or 2 for the models of the first publication
            with a 4x4 or 7x7 fc6. pool5 is always 3x3.
        average_pool: Append pool5a, the 3x3 average pool of the LargeFOV and ASPP models.
        with_image: Return the input image as an additional first map, for :class:`SideBranchHead`.
        in_channels: Channels of the image; Caffe's weights expect BGR minus the mean pixel.
        init_cfg: MMEngine initialisation; without it mmcv's Kaiming normal.

    Raises:
        ValueError: An unknown output stride or pool kernel.
    """

    def __init__(
        self,
        output_stride: int = 8,
        pool_kernel: int = 3,
        average_pool: bool = True,
        with_image: bool = False,
        in_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        choose('pool_kernel', pool_kernel, (2, 3))
        self.output_stride = check_output_stride(output_stride)
        self.with_image = with_image
        self.stages, self.pools = nn.ModuleList(), nn.ModuleList()
        steps = atrous_steps([2] * len(STAGES), output_stride)
        for i, ((channels, depth), step) in enumerate(zip(STAGES, steps, strict=True)):
            self.stages.append(stage(in_channels, channels, depth, step.rate))
            self.pools.append(max_pool(i, pool_kernel, step))
            in_channels = channels
        # Caffe's average counts the padding, as PyTorch's does by default.
        self.pool5a = nn.AvgPool2d(3, 1, 1) if average_pool else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = [x] if self.with_image else []
        for convs, pool in zip(self.stages, self.pools, strict=True):
            x = pool(convs(x))
            maps.append(x)
        return (*maps[:-1], self.pool5a(x))
