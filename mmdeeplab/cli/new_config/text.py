"""Write the new config as text, and the lists beside it."""

from pathlib import Path

from mmdeeplab.cli.new_config.network import Network
from mmdeeplab.cli.new_config.plan import ConfigPlan
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.class_names import read_classes
from mmdeeplab.datasets.discovery.layout import Layout
from mmdeeplab.datasets.discovery.pairs import Pairs

WIDTH = 100
USUAL = dict(image_dir='JPEGImages', mask_dir='', img_suffix='.jpg', seg_map_suffix='.png')
"""Settings of the inherited config, which need not be repeated; its masks are SBD's."""


def config_text(
    description: str,
    network: Network,
    data_root: Path,
    layout: Layout,
    plan: ConfigPlan,
    classes: int,
    weights: Path | None,
) -> str:
    """The text of a Python config that inherits from a shipped one."""
    train, val = (_dataset(data_root, pairs) for pairs in (layout.train, layout.val))
    same_data = train == val
    lines = [
        *(f'# {line}' for line in description.splitlines()),
        f"_base_ = __import__('mmdeeplab').config_path({network.name!r})",
        f'crop_size, steps = ({plan.crop}, {plan.crop}), {plan.steps}',
        _call('data' if same_data else 'train_data', train),
        *([] if same_data else [_call('val_data', val)]),
        'train_pipeline = _base_.train_pipeline',
        f'train_pipeline[{network.crop_index}].crop_size = crop_size',
        _call(
            'train_dataloader',
            [
                f'batch_size={plan.batch_size}',
                'num_workers=2',
                "dataset=dict(split='train', pipeline=train_pipeline, "
                f'**{"data" if same_data else "train_data"})',
            ],
        ),
        "val_dataloader = dict(num_workers=2, dataset=dict(split='val', "
        f'**{"data" if same_data else "val_data"}))',
        'test_dataloader = val_dataloader',
        *_model(network, plan, classes),
        f"optimizer = dict(type='AdamW', lr={plan.rate}, weight_decay=4e-5)",
        "optim_wrapper = dict(_delete_=True, type='mmdeeplab.AutocastOptimWrapper', "
        'optimizer=optimizer)',
        "schedule = dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)",
        'param_scheduler = [schedule]',
        'train_cfg = dict(max_iters=steps, val_interval=steps // 10)',
    ]
    if weights:
        lines.append(f'load_from = {str(weights)!r}')
    return '\n'.join(lines) + '\n'


def pixel_text(pixels: Pixels, mean: list[float], spread: list[float]) -> str:
    """The last part of a config, for images that are read as they are stored.

    Args:
        pixels: Bands and depth of the images.
        mean: Mean of each band over the training images.
        spread: Standard deviation of each band.
    """
    lines = [
        '# the images as they are stored: bands in the order of the files, with their own values',
        _call(
            'load',
            ["type='mmdeeplab.LoadImage'", f'bands={pixels.bands}', f'depth={pixels.depth!r}'],
        ),
        'train_pipeline[0] = load',
        'test_pipeline = [load, *_base_.test_pipeline[1:]]',
        "val_dataloader['dataset']['pipeline'] = test_pipeline",
        f"model['backbone'] = dict(model.get('backbone', {{}}), in_channels={pixels.bands})",
        _call('bands', [f'mean={mean}', f'std={spread}', 'bgr_to_rgb=False']),
        "model['data_preprocessor'].update(bands)",
    ]
    return '\n'.join(lines) + '\n'


def _call(name: str, items: list[str]) -> str:
    """``name = dict(items)``, with one item per line if a single line is too long."""
    line = f'{name} = dict({", ".join(items)})'
    if len(line) <= WIDTH:
        return line
    return '\n'.join([f'{name} = dict(', *(f'    {item},' for item in items), ')'])


def _dataset(root: Path, pairs: Pairs) -> list[str]:
    """Arguments of the data set in the config; folders are relative to ``root``."""
    folders = (
        folder.relative_to(root) if folder.is_relative_to(root) else folder
        for folder in (pairs.images, pairs.masks)
    )
    suffix_lists = (pairs.image_suffixes, pairs.mask_suffixes)
    suffixes = (several if len(several) > 1 else several[0] for several in suffix_lists)
    values = (*map(str, folders), *suffixes)
    settings = zip(USUAL, values, strict=True)
    changed = [f'{key}={value!r}' for key, value in settings if value != USUAL[key]]
    return [f'data_root={str(root)!r}', *changed]


def _model(network: Network, plan: ConfigPlan, classes: int) -> list[str]:
    parts = [f'{part}=dict(norm_cfg=norm)' for part in network.norms if part != 'decode_head']
    head = ', norm_cfg=norm' if 'decode_head' in network.norms else ''
    items = [
        f'data_preprocessor=dict(size=crop_size, test_size={plan.test_size})',
        *parts,
        f'decode_head=dict(num_classes={classes}{head})',
    ]
    note = 'norm = dict(momentum=0.03)  # the published runs are longer and average for longer'
    return [note, _call('model', items)] if network.norms else [_call('model', items)]


def write_lists(folder: Path, layout: Layout, classes: tuple[str, ...]) -> None:
    """Write the lists of the splits and the names of the classes, as the data set reads them."""
    lists = folder / 'ImageSets' / 'Segmentation'
    files = {
        lists / 'train.txt': layout.train.ids,
        lists / 'val.txt': layout.val.ids,
        folder / 'classes.txt': classes,
    }
    lists.mkdir(parents=True, exist_ok=True)
    for path, names in files.items():
        path.write_text('\n'.join(names) + '\n', encoding='utf-8')


def data_root(layout: Layout, beside: Path, classes: tuple[str, ...]) -> Path:
    """The folder with lists and class names: the data's own, or ``beside``, which is written."""
    classes_file = layout.root / 'classes.txt'
    if layout.listed and read_classes(classes_file) == classes:
        return layout.root
    write_lists(beside, layout, classes)
    return beside
