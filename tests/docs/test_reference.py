"""Every class that a config can name stands in the reference."""

import re

from mmengine.registry import Registry
from places import ROOT

from mmdeeplab import registry


def test_every_registered_class_is_in_the_reference() -> None:
    pages = [path.read_text() for path in sorted((ROOT / 'docs/reference').glob('*.md'))]
    listed = set(re.findall(r'^::: (\S+)$', '\n'.join(pages), re.M))
    registered = set()
    for child in vars(registry).values():
        if isinstance(child, Registry) and child.scope == 'mmdeeplab':
            child.import_from_location()
            registered |= {f'{c.__module__}.{c.__name__}' for c in child.module_dict.values()}
    assert len(registered) > 40
    assert registered - listed == set()
