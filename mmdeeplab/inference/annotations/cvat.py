"""Write predictions as CVAT's XML for images, version 1.1, with regions as exact masks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

import numpy as np

from mmdeeplab.inference.annotations.objects import annotated_classes, objects_of, run_lengths

NO_XML = re.compile('[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
"""Characters that no XML file may hold; bytes of names that are not UTF-8 are among them."""


def cvat_text(labels: np.ndarray, classes: Sequence[str], image: str) -> str:
    """The contents of a CVAT file for one image.

    Args:
        labels: (H, W) uint8 class ids.
        classes: Names in id order.
        image: The picture's name in CVAT's task.
    """
    names = annotated_classes(classes)
    root = _document(names)
    size = dict(width=str(labels.shape[1]), height=str(labels.shape[0]))
    name = NO_XML.sub('?', image)
    node = ElementTree.SubElement(root, 'image', dict(id='0', name=name, **size))
    for region in objects_of(labels, classes):
        height, width = region.mask.shape
        attributes = dict(
            label=names[region.label],
            source='auto',
            occluded='0',
            rle=', '.join(map(str, run_lengths(region.mask.ravel()))),
            left=str(region.left),
            top=str(region.top),
            width=str(width),
            height=str(height),
            z_order='0',
        )
        ElementTree.SubElement(node, 'mask', attributes)
    return _written(root)


def joined_cvat(texts: Iterable[str]) -> str:
    """Join files from :func:`cvat_text` into one; images get new numbers."""
    root: ElementTree.Element | None = None
    count = 0
    for text in texts:
        document = ElementTree.fromstring(text)
        if root is None:
            root = _document([node.text or '' for node in document.iter('name')])
        for image in document.iter('image'):
            image.set('id', str(count))
            root.append(image)
            count += 1
    return _written(_document([]) if root is None else root)


def _document(names: Sequence[str]) -> ElementTree.Element:
    root = ElementTree.Element('annotations')
    ElementTree.SubElement(root, 'version').text = '1.1'
    labels = ElementTree.SubElement(
        ElementTree.SubElement(ElementTree.SubElement(root, 'meta'), 'task'), 'labels'
    )
    for name in names:
        label = ElementTree.SubElement(labels, 'label')
        ElementTree.SubElement(label, 'name').text = name
        ElementTree.SubElement(label, 'attributes')
    return root


def _written(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode', xml_declaration=True) + '\n'
