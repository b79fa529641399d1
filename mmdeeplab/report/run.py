"""The report of ``tools/test.py --out``: the hooks that it needs, and writing it."""

import copy
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmdeeplab.config.changes import with_hooks
from mmdeeplab.config.pixels import evaluated_pixels
from mmdeeplab.evaluation.evaluator import seg_metric_configs
from mmdeeplab.evaluation.extremes import Kept
from mmdeeplab.report.page import write_report
from mmdeeplab.report.pictures import EXAMPLES, draw_examples

# Where VOC's evaluation server looks; comp6 is segmentation with any training data.
SERVER_FOLDER = Path('results/VOC2012/Segmentation/comp6_test_cls')
WIDTHS = (1, 2, 3, 5, 8, 12, 20, 40)  # pixels; the bands of the page's boundary curve


def with_report(cfg: Config, out: Path, save_masks: str | None = None) -> Config:
    """``cfg`` with the hooks and measures of a report.

    Args:
        cfg: A config. Its own settings of trimap and Boundary IoU are kept.
        out: The folder of the report.
        save_masks: 'plain' (OUT/masks), 'voc' (folders as for VOC's test server) or None.
    """
    changed = copy.deepcopy(cfg)
    metrics = seg_metric_configs(changed.test_evaluator)
    hooks = [dict(type='mmdeeplab.PictureHook', out=str(out / 'pictures'))] if metrics else []
    if save_masks:
        folder = out / (SERVER_FOLDER if save_masks == 'voc' else 'masks')
        hooks.append(dict(type='mmdeeplab.MaskHook', out=str(folder)))
    for metric in metrics:
        metric.setdefault('trimap', WIDTHS)
        metric.setdefault('boundary', True)
        metric.setdefault('examples', EXAMPLES)
    return with_hooks(changed, *hooks)


def report(runner: Runner, out: Path, metrics: dict, predictions: Mapping[str, Kept]) -> None:
    """Write the page and the tables of an evaluation.

    Args:
        runner: The runner after the evaluation.
        out: The folder.
        metrics: The contents of ``metrics.json``.
        predictions: Predictions of the best and the worst images, by path.
    """
    dataset = runner.cfg.test_dataloader.dataset
    source = f'{dataset.get("data_root", "")}, split {dataset.get("split", "")}'
    facts = dict(metrics, data=source, published=runner.cfg.get('published'))
    images = runner.test_dataloader.dataset
    stored = evaluated_pixels(runner.cfg) is not None
    examples = draw_examples(images, metrics.get('per_image') or [], predictions, stored=stored)
    write_report(out, facts, examples, Path(metrics['checkpoint']).parent)
