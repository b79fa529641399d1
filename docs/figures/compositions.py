"""The four DeepLabs as compositions of backbone, neck and head, read from their configs."""

from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from mmengine.config import Config, ConfigDict

from figures.style import BLUE, GREEN, INK, ORANGE, TIMES, sheet
from mmdeeplab.config.shipped import CONFIGS

VERSIONS = {
    'v1, 2014': 'deeplabv1_vgg16_voc',
    'v2, 2016': 'deeplabv2_r101_voc',
    'v3, 2017': 'deeplabv3_r101-beta_voc',
    'v3+, 2018': 'deeplabv3plus_xception_voc',
}
COLUMNS = {'backbone': 1.45, 'neck': 3.95, 'head': 6.45}
COLOURS = {'backbone': BLUE, 'neck': GREEN, 'head': ORANGE}
CLASSIFIER = f'1 {TIMES} 1 classifier'
WIDTH, HEIGHT = 2.1, 0.84


@dataclass
class Composition:
    """Lines of text for the boxes of one version; without a neck its list is empty."""

    backbone: list[str]
    neck: list[str]
    head: list[str]
    low_level: bool
    output_stride: int


def compose(model: ConfigDict) -> Composition:
    """Read a model's config."""
    backbone, neck, head = model.backbone, model.get('neck'), model.decode_head
    name = backbone.type.split('.')[-1]
    depth = f'-{backbone.depth}' if 'depth' in backbone else ''
    trunk = [f'{name}{depth}', f'output stride {backbone.output_stride}']
    grid = backbone.get('multi_grid', (1, 1, 1))
    if tuple(grid) != (1, 1, 1):
        trunk.append(f'multi-grid {listed(grid)}')
    if 'scales' in model:
        trunk.append(f'input scales {listed(f"{scale:g}" for scale in model.scales)}')
    middle = [neck.type.split('.')[-1], *pyramid(neck)] if neck else []
    end = [head.type.split('.')[-1], *(pyramid(head) or [CLASSIFIER])]
    low_level = isinstance(head.get('in_index'), (tuple, list))
    if low_level:
        kind = 'separable ' * head.separable
        end = [end[0], f'{head.num_convs} {kind}convs 3 {TIMES} 3', CLASSIFIER]
    return Composition(trunk, middle, end, low_level, backbone.output_stride)


def pyramid(part: ConfigDict) -> list[str]:
    """What to say of a part with rates."""
    if not part.get('rates'):
        return []
    several = len(part.rates) > 1
    lines = [f'rate{"s" * several} {listed(part.rates)}']
    if part.type.endswith('ASPPNeck'):
        lines.append(f'1 {TIMES} 1, image pooling')
        lines += [f'separable 3 {TIMES} 3'] * part.separable
    if part.type.endswith('ASPPV2Head'):
        lines.append('class scores, summed')
    return lines


def listed(numbers: object) -> str:
    return ', '.join(map(str, numbers))  # type: ignore[call-overload]


def compositions() -> Figure:
    """One row a version: image, backbone, neck, head, and what enlarges the scores."""
    figure = sheet(8, 4.3)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.55, 8.6)
    axes.set_ylim(-3.75, 0.75)
    for part, x in COLUMNS.items():
        axes.text(x, 0.6, part, ha='center', fontsize=11, color=INK, weight='bold')
    for i, (version, config) in enumerate(VERSIONS.items()):
        cfg = Config.fromfile(CONFIGS / f'{config}.py')
        axes.text(-0.5, -i, version.replace(', ', '\n'), va='center', fontsize=10, color=INK)
        draw_row(axes, -i, compose(cfg.model), 'crf' in cfg)
    return figure


def draw_row(axes: Axes, y: float, parts: Composition, crf: bool) -> None:
    for part, x in COLUMNS.items():
        lines = getattr(parts, part)
        if lines:
            box(axes, x, y, lines, COLOURS[part])
    edges = [x for part, x in COLUMNS.items() if getattr(parts, part)]
    for left, right in pairwise(edges):
        arrow(axes, left + WIDTH / 2, y, right - WIDTH / 2, y)
    arrow(axes, edges[-1] + WIDTH / 2, y, edges[-1] + WIDTH / 2 + 0.35, y)
    stride = 4 if parts.low_level else parts.output_stride
    after = f'{TIMES} {stride}' + '\nCRF' * crf
    axes.text(edges[-1] + WIDTH / 2 + 0.42, y, after, va='center', fontsize=9, color=INK)
    if parts.low_level:
        detour(axes, edges[0], edges[-1], y - HEIGHT / 2)


def box(axes: Axes, x: float, y: float, lines: list[str], colour: str) -> None:
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    style = 'round,pad=0,rounding_size=0.08'
    axes.add_patch(
        FancyBboxPatch(
            corner, WIDTH, HEIGHT, style, facecolor=colour + '22', edgecolor=colour, linewidth=1.4
        )
    )
    step = 0.185
    for i, line in enumerate(lines):
        height = y + step * ((len(lines) - 1) / 2 - i)
        weight = 'bold' if i == 0 else 'normal'
        axes.text(x, height, line, ha='center', va='center', fontsize=8.5, color=INK, weight=weight)


def arrow(axes: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    axes.annotate(
        '', (x1, y1), (x0, y0), arrowprops=dict(arrowstyle='-|>', color=INK, shrinkA=0, shrinkB=0)
    )


def detour(axes: Axes, start: float, end: float, y: float) -> None:
    """The low-level map's way below the neck."""
    low = y - 0.26
    axes.plot([start, start, end], [y, low, low], color=INK, lw=1)
    arrow(axes, end, low, end, y)
    axes.text(
        (start + end) / 2, low + 0.05, 'low-level map, stride 4', ha='center', fontsize=8.5,
        color=INK,
    )  # fmt: skip
