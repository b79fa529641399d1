"""Changes of the recipe on films left out: lists, configs, the table by hand, one tiny run."""

import json
from functools import partial
from pathlib import Path

import pytest
from random_encoder import write_voc_and_weights

from benchmarks.ablation.changes import CHANGES, CONFIG, CROP, LISTS, TESTS, Change, plan_films
from benchmarks.ablation.command import main
from benchmarks.ablation.films import config_text, divide, train_without_film
from benchmarks.ablation.films_report import TITLES, markdown, summarise
from benchmarks.ablation.plan import BANDS, Settings
from benchmarks.ablation.runs import complete
from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import HOME
from mmdeeplab.errors import UserError

TRAIN = ['A_1', 'A_2', 'B_1', 'B_2', 'B_3', 'C_1']
VAL = ['C_7', 'C_8']


def write_lists(data: Path, **lists: list[str]) -> None:
    (data / LISTS).mkdir(parents=True, exist_ok=True)
    for name, ids in lists.items():
        (data / LISTS / f'{name}.txt').write_text('\n'.join(ids))


@pytest.mark.parametrize(
    ('film', 'trained', 'tested'),
    [
        ('A', ['B_1', 'B_2', 'B_3', 'C_1'], ['A_1', 'A_2']),
        ('C', ['A_1', 'A_2', 'B_1', 'B_2', 'B_3'], VAL),
    ],
)
def test_no_frame_of_the_film_is_trained_on(
    film: str, trained: list[str], tested: list[str], tmp_path: Path
) -> None:
    write_lists(tmp_path / 'data', train=TRAIN, val=VAL)
    (tmp_path / 'data/classes.txt').write_text('sky\n')
    folder = tmp_path / 'without'
    assert divide(tmp_path / 'data', film, folder) == (len(trained), len(tested))
    assert (folder / LISTS / 'train.txt').read_text().split() == trained
    assert (folder / LISTS / 'val.txt').read_text().split() == tested
    assert (folder / 'classes.txt').read_text() == 'sky\n'


def test_each_change_is_tried_on_each_film(tmp_path: Path) -> None:
    write_lists(tmp_path, train=TRAIN)
    runs = plan_films(['longer', 'recipe'], str(tmp_path), 2)
    assert [run.name for run in runs[:6]] == [
        f'{change}-{film}-seed0' for change in ('recipe', 'longer') for film in 'ABC'
    ]
    assert len(runs) == 12
    write_lists(tmp_path, train=['A_1', 'A_2'])
    with pytest.raises(UserError, match='frames of one film'):
        plan_films(['recipe'], str(tmp_path), 1)


def flat(node: object, key: str = '') -> dict[str, object]:
    """Every value of nested dicts and lists by its dotted key."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)  # type: ignore[arg-type]
    found: dict[str, object] = {}
    for name, value in pairs:
        inner = f'{key}.{name}'
        found |= flat(value, inner) if isinstance(value, dict | list) else {inner: value}
    return found


@pytest.mark.parametrize('change', CHANGES, ids=lambda change: change.name)
def test_a_change_changes_nothing_else(change: Change, tmp_path: Path) -> None:
    def settings(one: Change) -> dict[str, object]:
        path = tmp_path / f'{one.name}.py'
        path.write_text(config_text(one, tmp_path / 'w.pth'))
        cfg = load_config(str(path)).to_dict()
        return flat({key: cfg[key] for key in ('model', 'train_dataloader', 'custom_hooks')})

    recipe, own = settings(CHANGES[0]), settings(change)
    differ = {key for key in {*recipe} | {*own} if recipe.get(key) != own.get(key)}
    step = '.train_dataloader.dataset.pipeline'
    assert (
        differ
        == {
            'recipe': set(),
            'colours': {f'{step}.4.type', f'{step}.5.type'},
            'one-scale': {f'{step}.2.minimum', f'{step}.2.maximum'},
            'unweighted': {
                f'.model.decode_head.loss_decode.{key}'
                for key in ('avg_non_ignore', *(f'class_weight.{i}' for i in range(11)))
            },
            'hard-pixels': {
                f'.model.decode_head.sampler{key}' for key in ('.type', '.thresh', '.min_kept')
            },
            'averaged': {
                key for key in own if key.startswith('.custom_hooks.') and key not in recipe
            },
            'larger': {'.model.data_preprocessor.size', f'{step}.2.crop_size'},
            'longer': set(),
        }[change.name]
    )
    assert own['.model.data_preprocessor.size'] == (change.crop, change.crop)
    base = load_config(str(HOME / CONFIG))
    assert own[f'{step}.2.type'] == base.train_dataloader.dataset.pipeline[2].type
    assert [change.name for change in CHANGES if change.length > 1] == ['longer']
    assert {change.crop for change in CHANGES if change.name != 'larger'} == {CROP}


def put(out: Path, change: str, film: str, found: list[int]) -> None:
    """A result: of 100 pixels of class 0 in each image, so many found, the others called 1."""
    images = [
        dict(id=f'i{i}', counts={'0': [right, 100, right], '1': [0, 0, 100 - right]})
        for i, right in enumerate(found)
    ]
    one = dict(mIoU=sum(found) / len(found) / 2, trimap=dict.fromkeys(map(str, BANDS), 1.0))
    one |= dict(per_image=images)
    shared = dict(
        variant=f'{change}-{film}', film=film, seed=0, settings=Settings('x', 7).as_json(),
        made_from=dict(version='1', config_sha256='c', data_sha256='d'), classes=2,
        images=dict(trained=9, tested=len(found)),
    )  # fmt: skip
    tests = dict.fromkeys(TESTS, one) if change == 'recipe' else {}
    path = out / 'runs' / f'{change}-{film}-seed0.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(shared | one | dict(tests=tests)))


def test_summary_by_hand(tmp_path: Path) -> None:
    for film, before, after in (('A', [40, 60], [60, 80]), ('B', [30, 30], [20, 20])):
        put(tmp_path, 'recipe', film, before)
        put(tmp_path, 'colours', film, after)
    put(tmp_path, 'longer', 'A', [50, 60])
    summary = summarise(tmp_path)
    changes = {entry['change']: entry for entry in summary['changes']}
    assert [*changes] == ['recipe', 'colours', 'longer', *TESTS]
    recipe, colours, longer = (changes[name] for name in ('recipe', 'colours', 'longer'))
    assert recipe['films']['A']['mean'] == 25
    assert recipe['intervals']['B'] == pytest.approx([15, 15])
    # every draw of two weights gains 20 pixels of 100 of one class of two
    assert colours['to_recipe']['A']['interval'] == pytest.approx([10, 10])
    assert colours['over_films'] | dict(interval=None) == dict(
        mIoU=2.5, interval=None, films=['A', 'B']
    )
    assert colours['over_films']['interval'] == pytest.approx([2.5, 2.5])
    # one image gains 5, the other nothing: the weight of one of two is uniform
    low, high = longer['over_films']['interval']
    assert (high - low) / 2 == pytest.approx(1.96 * 5 / 12**0.5, rel=0.1)
    assert [changes[test]['over_films']['mIoU'] for test in TESTS] == [0, 0]
    table = markdown(summary).splitlines()
    assert table[0].startswith('| change | A | B | to the recipe, A |')
    row = '| twice as long | 27.50 |  | +2.50 |  | +2.50 |'
    assert [line for line in table if line.startswith(row)]
    assert {*TESTS} < {*TITLES}


def test_the_page_shows_the_table_of_its_results() -> None:
    summary = json.loads((HOME / 'docs/films.json').read_text())
    page = (HOME / 'docs/finetune.md').read_text()
    assert markdown(summary) in page
    assert f'--iters {summary["settings"]["iters"]}' in page


def test_no_table_without_the_recipe(tmp_path: Path) -> None:
    put(tmp_path, 'colours', 'A', [50])
    with pytest.raises(UserError, match='no result of the recipe'):
        summarise(tmp_path)


@pytest.mark.slow
def test_a_real_run(tmp_path: Path) -> None:
    data, checkpoint = write_voc_and_weights(tmp_path, train=16)
    names = [path.stem for path in sorted((data / 'JPEGImages').iterdir())]
    renamed = {name: f'{"AB"[i % 2]}_{name}' for i, name in enumerate(names)}
    for folder in ('JPEGImages', 'SegmentationClass'):
        for path in [*(data / folder).iterdir()]:
            path.rename(path.with_stem(renamed[path.stem]))
    for path in [*(data / LISTS).iterdir()]:
        path.write_text('\n'.join(renamed[name] for name in path.read_text().split()))
    options = (
        'train_dataloader.dataset.pipeline.2.crop_size=65,65',
        'model.data_preprocessor.size=65,65', 'train_dataloader.batch_size=4',
        'model.decode_head.num_classes=21', 'model.decode_head.loss_decode.class_weight=None',
    )  # fmt: skip
    run, other = plan_films(['recipe'], str(data), 1)
    assert (run.name, other.name) == ('recipe-A-seed0', 'recipe-B-seed0')
    settings = Settings(str(data), 2, options)
    complete([run], settings, tmp_path, partial(train_without_film, checkpoint))
    summary = summarise(tmp_path)
    assert [entry['change'] for entry in summary['changes']] == ['recipe', *TESTS]
    assert summary['images']['A']['trained'] == 8
    assert not [*(tmp_path / 'work').rglob('*.safetensors')]


def test_two_comparisons_at_once_are_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(['--films', 'w.pth', '--encoder', 'w.pth']) == 2
    assert 'give one of them' in capsys.readouterr().err
    assert main(['--films', 'w.pth', '--only', 'aspp']) == 2
    assert '--only aspp is none of recipe' in capsys.readouterr().err
