"""Results as a page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.ablation.plan import BANDS
from benchmarks.scores.ways import NETWORKS, REFERENCE, WAYS
from mmdeeplab.errors import UserError
from mmdeeplab.report.compare import compare
from mmdeeplab.report.html import between, interval, number, signed
from mmdeeplab.weights.model_zoo import find, load

HEAD = """# Published networks on real photographs

Made by `python -m benchmarks results` from the files in `docs/results`. What has no file yet is
carried out and put there by

```sh title="not run by the tests: needs PASCAL VOC, and an hour or two"
python -m benchmarks results --data-root DIR --weights deeplabv3_mnv2_pascal_quant.tflite
```

A file holds the scores, the command, the counts of every image, commit, date and machine.

**Images.** {images} of PASCAL VOC 2012, protocol
`paper-513` (native size, padded to 513). Figures on another choice of images are comparable within
the intervals at most.

**Columns.** mIoU in percent and its [95 % interval](evaluation.md#what-is-measured), which says how
much the choice of images matters. "To stride 16" is the difference to the first row, with its
interval over the same draws of images for both. The last columns are the mIoU within so many pixels
of a border of the truth ([near borders](boundaries.md)).

**Networks.** Coral's `.tflite` files of PASCAL VOC, trained with quantisation in mind and published
without a score. They are imported into float; LiteRT runs the file as it was published, in uint8.
Of the float network of the same architecture, with other weights, TensorFlow's model zoo says on
all 1,449 images: {published}.
"""
FLOAT = 'mobilenetv2_coco_voc_trainaug'
LINE = '|---|--:|--:|--:|' + '--:|' * len(BANDS) + '---|'
COLUMNS = (
    '| way | mIoU | 95 % interval | to stride 16 | '
    + ' | '.join(f'{w} px' for w in BANDS)
    + ' | notes |'
)


def read(folder: Path) -> dict[str, dict[str, dict]]:
    """Results by network and way, in the order of the tables.

    Raises:
        UserError: There are none, one is broken, or they are of different images.
    """
    results: dict[str, dict[str, dict]] = {}
    for network in NETWORKS:
        for way in WAYS:
            path = folder / network / f'{way.name}.json'
            if path.is_file():
                results.setdefault(network, {})[way.name] = read_one(path)
    if not any(REFERENCE in rows for rows in results.values()):
        raise UserError(f'{folder} has no results of {REFERENCE}: name --data-root DIR')
    digests = {rows['data']['sha256'] for ways in results.values() for rows in ways.values()}
    if len(digests) > 1:
        raise UserError(
            f'{folder} has results of {len(digests)} choices of images: take one folder each'
        )
    return results


def read_one(path: Path) -> dict:
    """Read a file of results.

    Raises:
        UserError: The file is no result.
    """
    try:
        result: dict = json.loads(path.read_text(encoding='utf-8'))
        result['data']['sha256'], result['command'], result['machine'].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f'{path}: no result of a way ({error}); delete it') from error
    return result


def page(results: Mapping[str, Mapping[str, dict]]) -> str:
    """The whole page in Markdown."""
    data = next(iter(next(iter(results.values())).values()))['data']
    published = ', '.join(
        f'{score.miou} at stride {score.output_stride}' + ', scales and mirrors' * score.multi_scale
        for score in find(FLOAT, load()).results
    )
    parts = [HEAD.format(images=chosen(data), published=published)]
    for network, title in NETWORKS.items():
        rows = results.get(network)
        parts += section(network, title, rows) if rows else [f'## {title}\n', NOT_HERE]
    return '\n'.join(parts)


NOT_HERE = 'No results: who has the file names it behind `--weights`, and the table appears here.\n'


def chosen(data: Mapping) -> str:
    """How many of VOC's validation images were used, in words."""
    if data['images'] == data['of']:
        return f'All {data["of"]:,} validation images'
    return f'{data["images"]} of the {data["of"]:,} validation images'


def section(network: str, title: str, rows: Mapping[str, dict]) -> Iterator[str]:
    """The table of one network, the classes, and how each row was made."""
    scored = {name: row for name, row in rows.items() if 'skipped' not in row}
    base = rows[REFERENCE]
    yield f'## {title}\n'
    yield f'`{network}`, sha256 of the file {base["checkpoint_sha256"]}\n'
    yield '\n'.join([COLUMNS, LINE, *(table_row(row, base) for row in scored.values())])
    if len(scored) < len(rows):
        yield '\nNot run:\n'
        yield '\n'.join(
            f'- {row["title"]}: {row["skipped"]}' for row in rows.values() if 'skipped' in row
        )
    yield '\n**IoU of every class.**\n'
    yield '\n'.join(class_table(scored))
    yield '\n**How each row was made.**\n'
    yield '\n'.join(f'- {row["title"]}: `{row["command"]}`' for row in scored.values())
    yield ''
    for origin in dict.fromkeys(map(made, scored.values())):
        titles = ', '.join(row['title'] for row in scored.values() if made(row) == origin)
        yield f'{titles}: {origin}.\n'


def table_row(row: Mapping, base: Mapping) -> str:
    """The line of the table for one way."""
    difference = 'the reference'
    if row is not base:
        change = compare(dict(base), dict(row)).means[0]
        difference = f'{signed(change.value)} ({between(change.interval)})'
    notes = []
    if 'engines' in row:
        notes.append(f'engine {row["engines"]}')
    if 'in_float' in row:
        notes.append(f'{row["in_float"]} layers in float')
    cells = [row['title'], number(row['mIoU']), interval(row['interval']), difference]
    cells += [number(row['trimap'][str(width)]) for width in BANDS]
    return '| ' + ' | '.join([*cells, '; '.join(notes)]) + ' |'


def class_table(rows: Mapping[str, Mapping]) -> Iterator[str]:
    """The classes in rows, what the first three kinds of ways give in columns."""
    shown = [
        rows[name] for name in (REFERENCE, 'stride8', 'stride16-tta', 'litert') if name in rows
    ]
    yield '| class | ' + ' | '.join(row['title'] for row in shown) + ' |'
    yield '|---|' + '--:|' * len(shown)
    for name in shown[0]['per_class']:
        values = [number(row['per_class'][name]['IoU']) for row in shown]
        yield f'| {name} | ' + ' | '.join(values) + ' |'


def made(row: Mapping) -> str:
    """Commit, date and machine of a result."""
    machine = row['machine']
    versions: Sequence[str] = [f'{name} {machine["versions"][name]}' for name in ('torch', 'mmseg')]
    return (
        f'commit {row["commit"]}, {row["date"]}, {machine["processor"]}, {machine["cores"]} cores, '
        f'{" ".join(machine["instructions"])}, Python {machine["python"]}, {", ".join(versions)}'
    )
