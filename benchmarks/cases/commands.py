"""Whole commands, from their start to the last file, beside what a user of the peers would run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from mmengine.config import Config

from benchmarks.case import Comparison, Scale, Skip, Trained, Variant, Work
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.datasets.split_list import read_split
from mmdeeplab.inference.multi_scale import MultiScaleFlip
from mmdeeplab.inference.predictor import DeepLabPredictor, prepared

ROOT = Path(__file__).resolve().parents[2]
HEAVY: dict[str, tuple[int, dict[str, Any]]] = {
    '--tta': (12, dict(tta=True)),
    '--output-stride 8': (48, dict(output_stride=8)),
}
"""Options of ``test.py`` under which an image takes long: over how many, and what they mean."""
BARE, INFERENCER, LOOP = 'the network alone', "mmseg's inferencer", 'Pillow, OpenVINO, Pillow'
INFER = """
import sys, warnings
from pathlib import Path
warnings.simplefilter('ignore')
from mmseg.apis import MMSegInferencer
config, weights, pictures, out = sys.argv[1:]
infer = MMSegInferencer(config, weights, device='cpu')
infer(sorted(map(str, Path(pictures).iterdir())), out_dir=out, show=False)
"""
PLAIN = """
import sys
from pathlib import Path
import numpy as np, openvino, torch
from PIL import Image
model, mean, std, height, width, pictures, out = sys.argv[1:]
mean, std = (np.array(eval(values), np.float32) for values in (mean, std))
network = openvino.compile_model(model, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
for path in sorted(Path(pictures).iterdir()):
    picture = np.asarray(Image.open(path).convert('RGB'), np.float32)
    h, w = picture.shape[:2]
    x = np.zeros((1, 3, max(h, int(height)), max(w, int(width))), np.float32)
    x[0, :, :h, :w] = ((picture - mean) / std).transpose(2, 0, 1)
    scores = torch.from_numpy(network(x)[0])
    full = torch.nn.functional.interpolate(scores, x.shape[2:], mode='bilinear', align_corners=True)
    labels = full[0, :, :h, :w].argmax(0).numpy().astype(np.uint8)
    Image.fromarray(labels).save(Path(out) / f'{path.stem}.png')
"""


def setup(scale: Scale) -> list[Comparison]:
    """Prediction beside the peers and beside the bare network; evaluation beside it.

    Raises:
        Skip: No trained network was named.
    """
    if scale.trained is None:
        raise Skip('it needs --config CONFIG --checkpoint FILE --data-root DIR')
    work = Commands(scale, scale.trained)
    return [*predictions(work), *evaluations(work)]


def predictions(work: 'Commands') -> Iterator[Comparison]:
    """``tools/predict.py`` beside other programs, and beside the passes of the network it holds."""
    small_folder, medium_folder, large_folder = (work.photographs(most) for most in (48, 162, 496))

    def masks(photographs: Path, *fast: str) -> Variant:
        return Variant('masks', partial(work.predict, photographs, '--save', 'masks', *fast))

    def both(photographs: Path, *fast: str) -> Variant:
        return Variant('masks and overlays', partial(work.predict, photographs, *fast))

    def bare(*fast: bool) -> Variant:
        return Variant(BARE, partial(work.network, *fast))

    inferencer = Variant(INFERENCER, partial(work.inferencer, small_folder), 'mmseg')
    loop = Variant(LOOP, partial(work.plain_loop, large_folder), 'openvino')
    peers = {'masks': 1.5, 'masks and overlays': 1.5}
    network = {'masks': 0.85, 'masks and overlays': 0.6}
    rows: tuple[Variant, ...] = (inferencer, masks(small_folder), both(small_folder))
    yield Comparison(f'predict, {small_folder.name}', rows, INFERENCER, goals=peers)
    title = f'predict --fast, {large_folder.name}'
    rows = (loop, masks(large_folder, '--fast'))
    yield Comparison(title, rows, LOOP, goals=dict(masks=1.5))
    rows = (bare(), masks(medium_folder), both(medium_folder))
    yield Comparison(f'predict, {medium_folder.name}, beside {BARE}', rows, BARE, goals=network)
    rows = (bare(True), masks(large_folder, '--fast'), both(large_folder, '--fast'))
    yield Comparison(f'{title}, beside {BARE}', rows, BARE, goals=network)


def evaluations(work: 'Commands') -> Iterator[Comparison]:
    """``tools/test.py``, all scores on; with many views and at stride 8 over fewer images."""
    rows = {'test': (), 'test --out': ('--out', 'report'), 'test --fast': ('--fast',)}
    bare = Variant(BARE, work.network)
    ours = [Variant(name, partial(work.test, work.images, *args)) for name, args in rows.items()]
    goals = {'test': 0.85, 'test --out': 0.68}
    yield Comparison(f'test, {work.images} images', (bare, *ours), BARE, goals=goals)
    for name, (most, options) in HEAVY.items():
        images = min(most, work.images)
        bare = Variant(BARE, partial(work.network, **options))
        test = Variant(f'test {name}', partial(work.test, images, *name.split()))
        title = f'test {name}, {images} images'
        yield Comparison(title, (bare, test), BARE, goals={test.name: 0.85})


class Commands:
    """The commands, ready to run on one trained network and its validation split.

    Attributes:
        images: Of the validation split.
    """

    def __init__(self, scale: Scale, trained: Trained) -> None:
        self.folder, self.trained = scale.folder, trained
        self.cfg: Config = load_config(trained.config, ConfigOptions(data_root=trained.data_root))
        dataset = self.cfg.test_dataloader.dataset
        root = Path(trained.data_root)
        split = root / 'ImageSets' / 'Segmentation' / f'{dataset.get("split", "val")}.txt'
        ids = read_split(split)
        self.images = len(ids)
        self.most = scale.of(10**9, 2)
        self.all = [root / f'JPEGImages/{name}.jpg' for name in ids]
        self.all += sorted(set((root / 'JPEGImages').glob('*.jpg')) - set(self.all))

    def photographs(self, most: int) -> Path:
        """A folder of at most ``most`` photographs, those of the validation split first."""
        chosen = self.all[: min(most, self.most)]
        folder = self.folder / f'{len(chosen)} photographs'
        folder.mkdir(exist_ok=True)
        for path in chosen:
            link = folder / path.name
            if not link.is_symlink():
                link.symlink_to(path.absolute())
        return folder

    def network(
        self, fast: bool = False, tta: bool = False, output_stride: int | None = None
    ) -> Work:
        """Passes over prepared pictures, logits out; nothing is read, labelled or written."""
        data, checkpoint = self.trained.data_root, self.trained.checkpoint
        cfg = load_config(self.trained.config, ConfigOptions((), data, output_stride))
        use: dict[str, Any] = dict(tta=tta, keep_logits=not fast, fast=fast)
        predictor = DeepLabPredictor(cfg, checkpoint, 'cpu', **use)
        paths = self.all[: min(2 if tta else 8, self.most)]
        inputs = [prepared(predictor.model, predictor.read(path)).clone() for path in paths]
        network = unwrap(predictor.model)
        wrappers = (m for m in predictor.model.modules() if isinstance(m, MultiScaleFlip))
        if averaging := next(wrappers, None):
            inputs = [view for x in inputs for view, _, _ in averaging.views(x)]

        @torch.no_grad()
        def call() -> None:
            for x in inputs:
                network(x, mode='tensor')

        return Work(call, len(paths))

    def predict(self, photographs: Path, *arguments: str) -> Work:
        """``tools/predict.py`` into a new folder."""
        model = ('--model', self.trained.config, '--checkpoint', self.trained.checkpoint)
        line = ['tools/predict.py', str(photographs), *model, *arguments, '--out']
        return Work(lambda: run(*line, self._new()), files_in(photographs))

    def test(self, images: int, *arguments: str) -> Work:
        """``tools/test.py`` over the first images of the split."""
        line = ['tools/test.py', self.trained.config, self.trained.checkpoint]
        line += ['--data-root', self.trained.data_root]
        line += [self._new() if word == 'report' else word for word in arguments]
        line += ['--cfg-options', f'test_dataloader.dataset.indices={images}', '--work-dir']
        return Work(lambda: run(*line, self._new()), images)

    def inferencer(self, photographs: Path) -> Work:
        """mmsegmentation's inferencer over our network: labels and colours of every picture."""
        config = self.folder / 'config.py'
        self.cfg.dump(config)
        line = ('-c', INFER, str(config), self.trained.checkpoint, str(photographs))
        return Work(lambda: run(*line, self._new()), files_in(photographs))

    def plain_loop(self, photographs: Path) -> Work:
        """The loop that a user of the exported network writes.

        Raises:
            Skip: OpenVINO is not installed.
        """
        try:
            import openvino
        except ImportError as error:
            raise Skip(f'{error}: pip install openvino') from error
        predictor = DeepLabPredictor(self.cfg, self.trained.checkpoint, 'cpu', keep_logits=False)
        network = unwrap(predictor.model)
        preprocessor: Any = network.data_preprocessor
        sides = preprocessor.test_size
        example = torch.zeros(1, 3, *sides)
        with torch.no_grad():
            traced = torch.jit.trace(network, example, check_trace=False)  # the scores
        file = self.folder / 'network.xml'
        model = openvino.convert_model(traced, example_input=example)
        model.reshape([1, 3, -1, -1])
        openvino.save_model(model, file, compress_to_fp16=False)
        statistics = (preprocessor.mean, preprocessor.std)
        numbers = [repr(values.flatten().tolist()) for values in statistics]
        line = ('-c', PLAIN, str(file), *numbers, *map(str, sides), str(photographs))
        return Work(lambda: run(*line, self._new()), files_in(photographs))

    def _new(self) -> str:
        return mkdtemp(dir=self.folder)


def files_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


def run(*line: str) -> None:
    """Run a Python program in a new process, with as many threads as this one."""
    threads = dict(OMP_NUM_THREADS=str(torch.get_num_threads()), PYTHONPATH=str(ROOT))
    subprocess.run(
        [sys.executable, *line], cwd=ROOT, env=os.environ | threads, capture_output=True, check=True
    )
