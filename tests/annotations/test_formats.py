"""What each annotation tool writes becomes the masks that the tool itself sees."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tool_files import FIXTURES

from mmdeeplab.cli.convert_annotations import main


def masks(folder: Path) -> dict[str, np.ndarray]:
    """Every mask by its id."""
    root = folder / 'SegmentationClass'
    return {
        path.relative_to(root).with_suffix('').as_posix(): np.array(Image.open(path))
        for path in sorted(root.rglob('*.png'))
    }


@pytest.mark.parametrize('name', FIXTURES)
def test_masks_are_those_of_the_tool(name: str, tmp_path: Path) -> None:
    root, out = tmp_path / 'data', tmp_path / 'out'
    root.mkdir()
    truth = FIXTURES[name][0](root)
    assert main([str(root), '--out', str(out)]) == 0
    assert (out / 'classes.txt').read_text().splitlines() == list(FIXTURES[name][1])
    found = masks(out)
    assert found.keys() == truth.keys()
    for one, labels in truth.items():
        assert np.array_equal(found[one], labels), one


def test_there_are_many() -> None:
    assert len(FIXTURES) >= 12
