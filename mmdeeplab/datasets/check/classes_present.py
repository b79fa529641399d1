"""Find the classes that occur in each mask of a data set."""

from collections.abc import Sequence

from mmdeeplab.datasets.check.scan import scan
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX


def classes_present(source: Source, ids: Sequence[str]) -> list[list[int]]:
    """Ids of the classes that occur in the mask of each sample, in the order of ``ids``.

    Masks that the check of the data has counted are not read again.

    Raises:
        UserError: A mask cannot be read.
    """
    samples = scan(source, ids, quiet=True)
    present: list[list[int]] = []
    for name in ids:
        faults = [words for _, file_role, words in samples[name].faults if file_role == 'mask']
        if faults and not samples[name].counts:
            raise UserError(faults[0])
        labels = map(int, source.label_ids.of_counts(samples[name].counts))
        present.append(sorted(label for label in labels if label != IGNORE_INDEX))
    return present
