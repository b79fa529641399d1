"""``report.html``: an evaluation on one page, which needs no other file and no network."""

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from mmdeeplab.report import sections
from mmdeeplab.report.history import History, read_history
from mmdeeplab.report.html import render
from mmdeeplab.report.pictures import Example
from mmdeeplab.report.tables import write_tables
from mmdeeplab.version import __version__

LONG = 40  # rows from which a table scrolls by itself


def write_report(
    out: Path, metrics: dict, examples: Mapping[str, Sequence[Example]], work_dir: str | Path
) -> None:
    """Write ``OUT/report.html``, ``per_class.csv`` and ``confusion.csv``.

    Args:
        out: The folder.
        metrics: The contents of ``metrics.json``.
        examples: The images from :func:`mmdeeplab.report.pictures.draw_examples`.
        work_dir: The work dir, which may have a log of training.
    """
    write_tables(out, metrics)
    text = build_page(metrics, examples, read_history(work_dir))
    (out / 'report.html').write_text(text, encoding='utf-8')


def build_page(
    metrics: dict,
    examples: Mapping[str, Sequence[Example]] | None = None,
    history: History | None = None,
) -> str:
    """The page about ``metrics``, the contents of ``metrics.json``; other parts are optional."""
    return render(
        'report.html',
        title=Path(str(metrics.get('config', 'evaluation'))).stem,
        eyebrow='Segmentation report',
        subtitle=subtitle(metrics),
        long=LONG,
        summary=sections.summary(metrics),
        classes=sections.classes(metrics),
        extra=sections.extra(metrics),
        confusion=sections.confusion(metrics),
        where=sections.borders(metrics) + sections.frequencies(metrics),
        images=sections.images(examples or {}, list(metrics['per_class'])),
        training=sections.training(history or {}),
        settings=sections.settings(facts(metrics)),
    )


def subtitle(metrics: dict) -> str:
    """A line about what was evaluated."""
    parts = [
        f'{metrics["num_images"]:,} images' if 'num_images' in metrics else '',
        f'{len(metrics["per_class"])} classes',
        metrics.get('protocol') or '',
        f'output stride {metrics["output_stride"]}' if metrics.get('output_stride') else '',
        'six scales and flip' if metrics.get('tta') else 'single scale',
        'CRF' if metrics.get('crf') else '',
        f'{datetime.now():%d %B %Y}'.lstrip('0'),
    ]
    return ' · '.join(part for part in parts if part)


def precision(metrics: dict) -> str:
    """The precision and engines of the network, and the allowed precision if that is lower."""
    ran, allowed = (str(metrics.get(key) or '') for key in ('fast', 'fast_allowed'))
    if not ran:
        return ''
    text = f'{ran.replace("True", "float32")} ({", ".join(metrics.get("engines") or ["fast"])})'
    return text if allowed in ('', ran) else f'{text}; {allowed} was allowed'


def facts(metrics: dict) -> dict[str, object]:
    """The rows of the section about settings."""
    import torch

    return {
        'Config': metrics.get('config'),
        'Checkpoint': metrics.get('checkpoint'),
        'SHA-256': metrics.get('checkpoint_sha256'),
        'Data': metrics.get('data'),
        'Protocol': metrics.get('protocol'),
        'Output stride': metrics.get('output_stride'),
        'Scales': '0.5 to 1.75 with their mirrors' if metrics.get('tta') else '1',
        'Dense CRF': 'yes' if metrics.get('crf') else 'no',
        'Precision': precision(metrics),
        'Options': ' '.join(metrics.get('cfg_options') or []),
        'Software': f'mmdeeplab {__version__}, PyTorch {torch.__version__}, '
        f'Python {platform.python_version()}',
    }
