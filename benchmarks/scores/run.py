"""Run a network over the validation images in one way; return what a results file holds."""

from __future__ import annotations

import datetime
import json
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from torch.nn import functional as F

from benchmarks.ablation.plan import BANDS
from benchmarks.ablation.runs import call
from benchmarks.machine import machine
from benchmarks.scores.ways import Way
from mmdeeplab.cli.common import require_data
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.shipped import HOME
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.bootstrap import SEED
from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.registry import DATASETS

OFFICIAL = 1449  # validation images of PASCAL VOC 2012
Labeller = Callable[[np.ndarray], np.ndarray]
"""A picture (H, W, 3) uint8 RGB -> its class ids (H, W)."""


class Network(NamedTuple):
    """A published network at hand.

    Attributes:
        name: In the model zoo.
        config: File below the checkout.
        published: Its file as published.
        checkpoint: The same, converted.
        data_root: Of the images.
        work: An empty folder.
    """

    name: str
    config: str
    published: Path | None
    checkpoint: Path
    data_root: str
    work: Path

    @classmethod
    def ready(cls, name: str, published: Path | None, data_root: str, work: Path) -> Network:
        """Convert the published file; without one, take what the model zoo fetches.

        Raises:
            UserError: It is not the file that was published, or cannot be fetched.
        """
        from mmdeeplab.weights.model_zoo import WeightCache, find, load
        from mmdeeplab.weights.model_zoo.ready import converter, ready

        row = find(name, load())
        config = f'configs/{row.config}'
        if published is None:
            return cls(name, config, None, ready(row, WeightCache()), data_root, work)
        if row.sha256 and digest(published) != row.sha256:
            raise UserError(f'{published} is not the published file: its sha256 is another one')
        checkpoint = work / f'{name}.safetensors'
        converter(None)(row, published, checkpoint)
        return cls(name, config, published, checkpoint, data_root, work)

    def cfg(self) -> Config:
        """Load the config, with its data in the folder that was named.

        Raises:
            UserError: There is no such data.
        """
        cfg = load_config(str(HOME / self.config), ConfigOptions(data_root=self.data_root))
        require_data(cfg, 'test')
        init_default_scope(cfg.get('default_scope', 'mmseg'))
        return cfg

    def images(self) -> BaseSegDataset:
        """The validation images as ``tools/test.py`` loads them."""
        return DATASETS.build(self.cfg().test_dataloader.dataset)


def data_of(network: Network) -> dict:
    """Describe the images: how many of VOC's, and one sha256 over names, images and masks."""
    import hashlib

    images, hasher = network.images(), hashlib.sha256()
    for i in range(len(images)):
        info = images.get_data_info(i)
        pair = (Path(info['img_path']), Path(info['seg_map_path']))
        hasher.update(' '.join(f'{path.name} {digest(path)}\n' for path in pair).encode())
    return dict(
        name='PASCAL VOC 2012',
        split='val',
        images=len(images),
        of=OFFICIAL,
        sha256=hasher.hexdigest(),
    )


def is_scored(path: Path, data: Mapping) -> bool:
    """Whether a results file has scores; what was not run before is tried again.

    Raises:
        UserError: It was made with other images.
    """
    if not path.is_file():
        return False
    result = json.loads(path.read_text(encoding='utf-8'))
    if result['data'] != data:
        raise UserError(
            f'{path} was made with other images: choose another --results, or delete it'
        )
    return 'mIoU' in result


def carry_out(network: Network, way: Way, data: Mapping) -> dict:
    """The contents of one results file; ``skipped`` says why there are no scores."""
    work = network.work / way.name
    work.mkdir()
    command, scores = dict(test=by_test, export=by_export, litert=by_litert)[way.by](
        network, way, work
    )
    return dict(
        network=network.name,
        way=way.name,
        title=way.title,
        config=network.config,
        checkpoint_sha256=digest(network.published or network.checkpoint),
        command=command,
        data=data,
        seed=SEED,
        commit=commit(),
        date=datetime.date.today().isoformat(),
        machine=machine(),
        **scores,
    )


def by_test(network: Network, way: Way, work: Path) -> tuple[str, dict]:
    """Scores by ``tools/test.py``; it ran otherwise than asked where the processor cannot."""
    options = ['--data-root', network.data_root, '--trimap', *map(str, BANDS), *way.options]
    paths = ['--work-dir', str(work / 'log'), '--out', str(work)]
    try:
        call('test.py', [network.config, str(network.checkpoint), *paths, *options], work)
    except UserError as error:
        return shown('test.py', network, options), dict(skipped=last_line(error))
    metrics = json.loads((work / 'metrics.json').read_text(encoding='utf-8'))
    scores = stored_scores(metrics)
    if '--fast' in way.options:
        wanted = next((word for word in ('bf16', 'int8') if word in way.options), True)
        engines = ', '.join(metrics['engines'])
        scores = dict(engines=engines) | scores
        if metrics['fast'] != wanted or engines == 'plain':
            scores = dict(skipped=f'{engines} ran instead')
    return shown('test.py', network, options), scores


def by_export(network: Network, way: Way, work: Path) -> tuple[str, dict]:
    """Scores of an exported file, photographs in and labels out, by the format's own runtime."""
    from mmdeeplab.export.formats import FORMATS, open_artefact

    file = work / f'network{FORMATS[way.options[1]].suffix}'
    options = ['--dynamic', '--with-processing', '--verify', network.data_root, '--images', '8']
    if '--int8' in way.options:
        options += ['--calibrate', network.data_root]
    options += way.options
    command = shown('export.py', network, [*options, '--out', file.name])
    try:
        call(
            'export.py',
            [network.config, str(network.checkpoint), *options, '--out', str(file)],
            work,
        )
    except UserError as error:
        return command, dict(skipped=last_line(error))
    run, described = open_artefact(file)
    scores = score(lambda picture: run(picture[None])[0], network.images())
    if '--int8' in way.options:
        scores = dict(in_float=len(described['in_float'])) | scores
    return command, scores


def by_litert(network: Network, way: Way, work: Path) -> tuple[str, dict]:
    """Scores of the published file, each picture padded to its input by the pixel 128."""
    command = 'ai_edge_litert.interpreter.Interpreter(FILE.tflite)'
    try:
        from mmdeeplab.weights.reference_models.tflite import build

        if network.published is None:
            raise UserError('it needs --weights FILE')
        model = build({}, network.published, network.cfg())
    except (ImportError, UserError) as error:
        return command, dict(skipped=str(error))
    (height, width) = model.sizes[0]

    def label(picture: np.ndarray) -> np.ndarray:
        h, w, _ = picture.shape
        image = torch.from_numpy(picture).permute(2, 0, 1)[None]
        padded = F.pad(image, (0, width - w, 0, height - h), value=128)
        return model.run(padded, padded.float())[0, :h, :w].numpy()

    return command, score(label, network.images())


def score(label: Labeller, images: BaseSegDataset) -> dict:
    """Let a function label every image; count as ``tools/test.py`` does."""
    metric = SegMetric(trimap=BANDS, loss=False)
    metric.dataset_meta = images.metainfo
    for i in range(len(images)):
        item = images[i]
        sample = item['data_samples']
        picture = np.ascontiguousarray(item['inputs'].numpy()[::-1].transpose(1, 2, 0))
        labels = torch.from_numpy(label(picture).astype(np.int64))
        pair = dict(gt_sem_seg=sample.gt_sem_seg.data, pred_sem_seg=labels[None])
        paths = dict(img_path=sample.img_path, seg_map_path=sample.seg_map_path)
        metric.process({}, [{key: dict(data=value) for key, value in pair.items()} | paths])
    result = metric.evaluate(len(images)).result
    assert result is not None
    return stored_scores(result.as_dict())


def stored_scores(metrics: Mapping) -> dict:
    """What a results file keeps of an evaluation: from the counts all other scores follow."""
    return dict(
        mIoU=metrics['mIoU'],
        interval=metrics['intervals']['mIoU'],
        trimap=metrics['trimap'],
        per_class={name: dict(IoU=row['IoU']) for name, row in metrics['per_class'].items()},
        per_image=[dict(id=row['id'], counts=row['counts']) for row in metrics['per_image']],
    )


def shown(tool: str, network: Network, options: list[str]) -> str:
    """The command as anybody may repeat it."""
    words = ['DIR' if word == network.data_root else word for word in options]
    return shlex.join([f'tools/{tool}', network.config, network.name, *words])


def last_line(error: UserError) -> str:
    """The sentence that a command ended with."""
    return str(error).strip().splitlines()[-1].removeprefix('error: ')


def commit() -> str:
    """The commit of the checkout, with a plus sign if a file was changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(['git', '-C', str(HOME), *words], capture_output=True, text=True)
        return done.stdout.strip()

    changed = git('status', '--porcelain', '--untracked-files=no')
    return git('rev-parse', '--short=12', 'HEAD') + '+' * bool(changed)
