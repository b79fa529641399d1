"""A user's whole network, without backbone and head: what works, and what is refused."""

from pathlib import Path

import pytest
import torch
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.cli.analyze import main as analyze
from mmdeeplab.cli.predict import main as predict
from mmdeeplab.cli.test import main as evaluate
from mmdeeplab.cli.train import main as train
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

CONFIG = """
_base_ = __import__('mmdeeplab').config_path('deeplabv3plus_xception_mini-voc')
model = dict(_delete_=True, type='mmseg.OneConvolution', data_preprocessor=dict(
    type='mmdeeplab.DeepLabPreprocessor', mean=127.5, std=127.5, size=(65, 65), test_size=(65, 65)))
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False)
val_dataloader = test_dataloader = dict(num_workers=0, persistent_workers=False)
"""


@MODELS.register_module()
class OneConvolution(BaseSegmentor):
    align_corners = False

    def __init__(self, data_preprocessor: dict) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.classify = nn.Conv2d(3, 21, 1)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        return inputs

    def encode_decode(self, inputs: Tensor, batch_data_samples: list) -> Tensor:
        return self.classify(inputs)

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.classify(inputs)

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        return dict(loss=F.cross_entropy(self.classify(inputs), labels, ignore_index=255))

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        return self.postprocess_result(self.classify(inputs), data_samples)


@pytest.mark.slow
def test_it_is_trained_and_tested(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    generate(tmp_path / 'data', MiniVoc(train=4, val=2, size=65), quiet=True)
    config, work = tmp_path / 'own.py', tmp_path / 'work'
    config.write_text(CONFIG)
    data = ['--data-root', str(tmp_path / 'data')]
    length = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    assert train([str(config), *data, '--work-dir', str(work), '--cfg-options', *length]) == 0
    assert [*work.glob('best_mIoU_*.safetensors')]
    more = ['train_cfg.max_iters=1', f'load_from={work / "iter_2.safetensors"}']
    again = ['--work-dir', str(tmp_path / 'again'), '--cfg-options', *more]
    assert train([str(config), *data, *again]) == 0
    assert evaluate([str(config), str(work), *data]) == 0
    assert 'mIoU' in capsys.readouterr().out
    assert analyze([str(config)]) == 0
    assert '| classify |         84 |' in capsys.readouterr().out  # 21 x (3 + 1)
    refused = {
        (evaluate, str(config), str(work), *data, '--mode', 'slide'): '--mode slide needs an Enc',
        (predict, '--model', str(config), '--checkpoint', str(work / 'iter_2.safetensors'),
         str(tmp_path / 'data/JPEGImages'), '--out', str(tmp_path / 'out')): 'is no EncoderDecoder',
    }  # fmt: skip
    for (main, *arguments), words in refused.items():
        assert main(arguments) == 2  # type: ignore[operator]
        assert words in capsys.readouterr().err
