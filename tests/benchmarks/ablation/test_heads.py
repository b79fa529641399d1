"""Heads on a frozen encoder: what is kept of it, what is trained on, and the table by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from places import ROOT
from random_encoder import write_voc_and_weights

from benchmarks.ablation import train_heads
from benchmarks.ablation.command import main
from benchmarks.ablation.features import CROP, Features, Store
from benchmarks.ablation.heads import CONFIG, HEADS, Head, plan_heads
from benchmarks.ablation.heads_report import markdown, summarise
from benchmarks.ablation.plan import BANDS, Settings
from benchmarks.ablation.train_heads import WINDOW, Network, batch, evaluate, fit, train_head
from benchmarks.scores.run import score
from mmdeeplab import DeepLabPredictor
from mmdeeplab.errors import UserError

BY_NAME = {head.name: head for head in HEADS}
SIDE = 13  # cells of stride 16, more than a window has


def test_every_head_is_compared_within_its_group() -> None:
    bases = {head.base for head in HEADS}
    assert bases == {head.name for head in HEADS if head.base == head.name}
    for head in HEADS:
        assert (head.neck is None) == (BY_NAME[head.base].neck is None)
    names = [run.name for run in plan_heads([*BY_NAME], 2)]
    assert names == [f'{head.name}-seed{seed}' for seed in (0, 1) for head in HEADS]


@pytest.fixture(scope='module')
def features() -> Features:
    """Of three crops; each cell of every map tells its place in pixels."""

    def places(channels: int, stride: int) -> np.ndarray:
        rows = np.arange(0, 16 * (SIDE - 1) + 1, stride)
        grid = (1000 * rows[:, None] + rows).astype(np.float32)
        return np.broadcast_to(grid, (3, channels, *grid.shape))

    fine = places(144, 4)
    labels = (fine[:, 0] % 21).astype(np.uint8)
    return Features(fine, places(320, 16), places(256, 16), labels)


def test_windows_of_all_maps_show_the_same_place(features: Features) -> None:
    order = np.random.default_rng(0)
    for _ in range(3):
        (low, context), labels = batch(BY_NAME['decoder'], features, order)
        assert context.shape[2:] == (WINDOW, WINDOW)
        assert low.shape[2:] == labels.shape[1:] == (4 * (WINDOW - 1) + 1,) * 2
        assert torch.equal(low[:, 0, ::4, ::4], context[:, 0])
        assert torch.equal(labels, low[:, 0].long() % 21)


def test_all_heads_of_a_seed_see_the_same_crops(features: Features) -> None:
    by_head = []
    for name in ('no-decoder', 'decoder-plain'):
        order = np.random.default_rng(3)
        by_head.append([batch(BY_NAME[name], features, order)[1] for _ in range(2)])
    assert all(torch.equal(a, b) for a, b in zip(*by_head, strict=True))


def test_finer_maps_have_wider_rates() -> None:
    rates = [Network(BY_NAME['aspp'], finer).neck.rates for finer in (1, 2)]
    assert rates == [(6, 12, 18), (12, 24, 36)]


@pytest.mark.parametrize('name', ['no-decoder', 'decoder', 'aspp-no-pooling', 'spp'])
def test_a_head_learns_what_the_features_tell(name: str) -> None:
    """One class in the left half, another in the right, and the channels say which."""
    rng = np.random.default_rng(0)

    def halves(channels: int, side: int) -> np.ndarray:
        maps = rng.normal(size=(2, channels, side, side)).astype(np.float32) * 0.1
        maps[:, : channels // 2, :, side // 2 :] += 1
        return maps

    fine = 4 * (SIDE - 1) + 1
    labels = np.zeros((2, fine, fine), np.uint8)
    labels[:, :, fine // 2 :] = 5
    given = Features(halves(144, fine), halves(320, SIDE), halves(256, SIDE), labels)
    torch.manual_seed(0)
    head = Network(BY_NAME[name])
    assert fit(head, BY_NAME[name], given, 12, 0)['loss'] < 0.6 * np.log(21)


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Pictures, and a checkpoint of random weights with calibrated statistics."""
    return write_voc_and_weights(tmp_path_factory.mktemp('heads'), train=1)


def test_kept_features_and_the_trained_classifier_are_the_network(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    data, checkpoint = trained
    store = Store(tmp_path, str(data), str(checkpoint), times=1)
    head = Network(BY_NAME['no-decoder'])
    state = torch.load(checkpoint)['state_dict']
    prefix = 'decode_head.'
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    head.decode_head.load_state_dict(own)
    found = evaluate(head, BY_NAME['no-decoder'], store, store.validation())
    predictor = DeepLabPredictor(ROOT / CONFIG, checkpoint, 'cpu')
    expected = score(
        lambda picture: predictor(picture).labels, train_heads.images(str(data), 'val')
    )
    pixels = 64 * 64
    for ours, theirs in zip(found['per_image'], expected['per_image'], strict=True):
        wrong = sum(
            abs(ours['counts'].get(c, [0] * 3)[2] - theirs['counts'].get(c, [0] * 3)[2])
            for c in {*ours['counts'], *theirs['counts']}
        )
        assert wrong < 0.01 * pixels  # the maps are kept in float16
    kept = store.training()
    cells = (CROP - 1) // 16 + 1
    assert kept.last.shape == (1, 320, cells, cells)
    assert kept.labels is not None
    assert kept.labels.shape == (1, 97, 97)
    assert kept.low is not None
    assert kept.low.shape == (1, 144, 97, 97)


def put(out: Path, head: Head, seed: int, right: int) -> None:
    """A result: two images of 100 pixels, ``right`` of class 0 found, the others called 1."""
    counts = {'0': [right, 100, right], '1': [0, 0, 100 - right]}
    one = dict(
        mIoU=right / 2,
        trimap={str(width): right / 4 for width in BANDS},
        per_image=[dict(id=f'i{i}', counts=counts) for i in range(2)],
    )
    origin = dict(version='1', config_sha256=head.name, data_sha256='d')
    shared = dict(
        variant=head.name, seed=seed, settings=Settings('x', 7).as_json(), made_from=origin
    )
    extra = dict(finer=one) if head.finer else {}
    path = out / 'runs' / f'{head.name}-seed{seed}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(shared | one | extra | dict(loss=0.5, parameters=12_345)))


def test_summary_by_hand(tmp_path: Path) -> None:
    """Equal images: all that varies are the seeds, of which three are 30, 32 and 34 on average."""
    for seed in range(3):
        put(tmp_path, BY_NAME['no-decoder'], seed, 60 + 4 * seed)
        put(tmp_path, BY_NAME['decoder'], seed, 80)
        put(tmp_path, BY_NAME['aspp'], seed, 50)
    summary = summarise(tmp_path)
    base, decoder, aspp, finer = summary['heads']
    assert base['mIoU']['values'] == [30, 32, 34]
    low, high = base['interval']
    assert 30 < low < 32 < high < 34.5
    assert low + high == pytest.approx(64)
    # a weighing of three seeds has the variance of a flat Dirichlet: 8 / 3 / 4
    assert (high - low) / 2 == pytest.approx(1.96 * (2 / 3) ** 0.5, rel=0.1)
    assert decoder['interval'] == pytest.approx([40, 40])
    assert decoder['to_base']['mIoU'] == 8
    assert decoder['to_base']['trimap']['1']['mean'] == pytest.approx(4)
    assert decoder['base'] == 'no-decoder'
    assert 'to_base' not in aspp
    assert finer['base'] == 'aspp'
    assert finer['to_base']['interval'] == pytest.approx([0, 0])
    text = markdown(summary)
    assert '| decoder, separable | 40.00 ± 0.00 | 40.00 to 40.00 |' in text
    assert '+1.64 on ResNet-101' in text


def test_results_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    put(tmp_path, BY_NAME['decoder'], 0, 80)
    put(tmp_path, BY_NAME['decoder'], 1, 80)
    path = tmp_path / 'runs/decoder-seed1.json'
    other = json.loads(path.read_text())
    other['settings']['encoder'] = 'another'
    path.write_text(json.dumps(other))
    with pytest.raises(UserError, match='different settings'):
        summarise(tmp_path)
    with pytest.raises(UserError, match='no result of a head'):
        summarise(tmp_path / 'nowhere')


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        (['--only', 'decoder'], '--only decoder is none of base'),
        (['--encoder', 'w.pth', '--only', 'base'], '--only base is none of no-decoder'),
        (['--encoder', 'w.pth', '--cfg-options', 'a=1'], '--cfg-options have no meaning'),
        (['--train-encoder'], 'which one says --encoder'),
        (['--encoder', 'nowhere.pth'], 'no checkpoint at nowhere.pth'),
    ],
)
def test_bad_options(options: list[str], error: str, capsys: pytest.CaptureFixture) -> None:
    assert main(options) == 2
    assert error in capsys.readouterr().err


def test_a_run_has_what_the_table_needs(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kept(Store):
        def training(self) -> Features:
            return features

        def validation(self, output_stride: int | None = None) -> Features:
            return features

    monkeypatch.setattr(train_heads, 'fit', lambda *_: dict(seconds_per_step=1.0, loss=0.5))
    monkeypatch.setattr(
        train_heads, 'evaluate', lambda *_: dict(mIoU=50.0, trimap={}, per_image=[])
    )
    found = {
        run.variant.name: train_head(Kept(tmp_path, '', ''), run, Settings('x', 7), tmp_path)
        for run in plan_heads(['aspp', 'decoder'], 1)
    }
    assert found['decoder']['parameters'] == 162_949
    assert 'finer' not in found['decoder']
    assert found['aspp']['finer']['mIoU'] == 50


@pytest.mark.parametrize('file', ['ablation_heads', 'ablation_trained_encoder'])
def test_the_page_shows_the_table_of_its_results(file: str) -> None:
    summary = json.loads((ROOT / f'docs/{file}.json').read_text())
    page = (ROOT / 'docs/ablation.md').read_text()
    assert markdown(summary) in page
    assert f'--iters {summary["settings"]["iters"]}' in page
    assert f'{summary["images"]} of its 1,449 validation images' in page
