"""pytest collects test files by their names alone: two of one name end a whole run."""

from collections import Counter

from places import ROOT


def test_names_of_test_files_differ() -> None:
    names = Counter(path.name for path in (ROOT / 'tests').rglob('test_*.py'))
    assert len(names) > 100
    assert [name for name, count in names.items() if count > 1] == []
