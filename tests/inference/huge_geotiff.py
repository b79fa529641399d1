"""Segment a GeoTIFF of any side, 4 bands of uint16; print the memory that this took, in MiB."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import rasterio
import torch
from huge import peak
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from rasterio.windows import Window
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.inference.geotiff.segment import is_cut, segment_raster
from mmdeeplab.inference.sliding import SlidingWindows
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor
from mmdeeplab.visualization.voc_palette import voc_palette

CLASSES = 5
WINDOW = (1025, 1025)


class Brightness(EncoderDecoder):
    """The class 1 where the mean of the bands over 16 x 16 pixels is above 1000, else 0."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.net = nn.Conv2d(4, CLASSES, 1)
        self.net.weight.data.zero_()
        self.net.weight.data[1] = 0.25
        self.net.bias.data = torch.tensor([1000.0, 0, -1, -1, -1])
        self.out_channels, self.align_corners = CLASSES, True
        self.data_preprocessor = DeepLabPreprocessor([0] * 4, [1] * 4, WINDOW, bgr_to_rgb=False)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        scores = self.net(F.avg_pool2d(inputs, 16, ceil_mode=True))
        return F.interpolate(scores, inputs.shape[2:], mode='bilinear')


def main(folder: Path, side: int) -> None:
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    path, out = folder / 'huge.tif', folder / 'labels.tif'
    profile = dict(driver='GTiff', dtype='uint16', count=4, height=side, width=side)
    place = dict(crs='EPSG:25832', transform=rasterio.Affine(0.2, 0, 4e5, 0, -0.2, 5e6))
    tiles = dict(tiled=True, blockxsize=512, blockysize=512, sparse_ok=True, bigtiff='YES')
    with rasterio.open(path, 'w', **profile, **place, **tiles) as dataset:
        for place in range(0, side, side // 7):
            size = min(700, side - place)
            block = np.full((4, size, size), 5000, np.uint16)
            dataset.write(block, window=Window(place, place, size, size))
    model = SlidingWindows(Brightness(), window=WINDOW, stride=(992, 992)).eval()
    model.window_logits([torch.zeros(4, *WINDOW, dtype=torch.uint16)] * model.batch)
    classes = [str(i) for i in range(CLASSES)]
    network = SimpleNamespace(
        model=model, pixels=Pixels(4, 'uint16'), bands=4, crf=None, classes=classes,
        palette=voc_palette(CLASSES),
    )  # fmt: skip
    before = peak()
    assert is_cut(network, path)
    segment_raster(network, path, dict(masks=out, geojson=folder / 'labels.geojson'))
    segmented = peak()
    with rasterio.open(out) as dataset:
        labels = dataset.read(1)
        assert dataset.transform == rasterio.Affine(0.2, 0, 4e5, 0, -0.2, 5e6)
    report = dict(
        shape=labels.shape,
        values=np.unique(labels).tolist(),
        before=before,
        segmented=segmented,
        bytes=out.stat().st_size,
    )
    print(json.dumps(report))


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]))
