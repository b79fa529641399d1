"""The table of all faults of a data set: how severe each is, and what to do about it."""

from dataclasses import dataclass
from functools import partial

ERROR, WARNING = 'error', 'warning'


@dataclass(frozen=True)
class Fault:
    """A kind of fault. An ``error`` stops training (exit status 2); a ``warning`` is only told."""

    severity: str
    meaning: str
    fix: str


@dataclass(frozen=True)
class Problem:
    """A fault that was found in a data set.

    Attributes:
        fault: Key of :data:`FAULTS`.
        split: The splits it belongs to, e.g. ``val, test``.
        id: Id of the sample; empty if the fault concerns a whole list.
        path: The file.
        words: What is wrong with the file.
        fix: What to do; by default the advice in :data:`FAULTS`.
    """

    fault: str
    split: str
    id: str
    path: str
    words: str
    fix: str = ''

    @property
    def severity(self) -> str:
        return FAULTS[self.fault].severity

    @property
    def advice(self) -> str:
        return self.fix or FAULTS[self.fault].fix


_error, _warning = partial(Fault, ERROR), partial(Fault, WARNING)
_AGAIN = 'fetch or export it again'
_ID = 'write one id a line: no folder, no suffix'

FAULTS: dict[str, Fault] = {
    # lists
    'missing-list': _error('the list of a split is not there', 'write it: one id a line'),
    'empty-list': _error('a list without an id', 'write one id a line'),
    'list-encoding': _error('a list that is not UTF-8', 'save it as UTF-8'),
    'two-columns': _error('several columns on a line', _ID),
    'outside': _error('an id that leaves the data root (`../`, absolute, a link)', _ID),
    'id-with-extension': _error('an id with the suffix of a file', _ID),
    'counted-twice': _error('an id twice in a list that scores', 'remove the second line'),
    'repeated': _warning('an id twice in a training list', 'nothing, if it is meant'),
    'blank-line': _warning('empty lines, which are skipped', 'nothing'),
    'crlf': _warning("Windows' ends of lines, which are read", 'nothing'),
    'bom': _warning('a byte order mark, which is skipped', 'nothing'),
    # files
    'missing-folder': _error('no folder of images or masks', 'mend image_dir or mask_dir'),
    'missing-image': _error('an id without an image', 'add the image or remove the id'),
    'missing-mask': _error('an id without a mask', 'add the mask or remove the id'),
    'several-files': _error(
        'an id with several images or masks, e.g. a.jpg and a.png', 'keep or rename one'
    ),
    'empty-file': _error('a file of 0 bytes', _AGAIN),
    'truncated': _error('a file without its end', _AGAIN),
    'not-a-file': _error(
        'a folder, named pipe, device or socket where a file is meant; not opened',
        'put the file itself there',
    ),
    'unreadable': _error('no picture (a web page, noise), or a broken one', _AGAIN),
    'mistyped': _warning('another format than the suffix says; it is read', 'rename it'),
    'too-large': _error('more than 134 million pixels; not decoded', 'cut it into tiles'),
    'large': _warning('more than 33 million pixels', 'cut it into tiles if memory is short'),
    'tiny': _error('a side of less than 4 pixels', 'remove the id: a placeholder?'),
    'converted': _warning('grey, CMYK, palette, alpha or 16 bits; read as 8-bit RGB', 'nothing'),
    'lost-bits': _warning(
        'more than 8 bits or three bands, of which 8-bit RGB keeps a part',
        'LoadImage(bands=N, depth=D) reads all of it',
    ),
    'pixels': _error(
        'other bands or another depth than LoadImage names, or NaN', 'write the image anew'
    ),
    # image and mask
    'size': _error('mask and image differ in size', 'scale the mask with nearest neighbours'),
    'orientation': _error('mask and image are turned against each other', 'turn the mask'),
    'turned': _warning(
        'an EXIF tag turns the image; the sizes fit after turning, or cannot tell',
        'look at one: the mask must fit the picture as viewers show it',
    ),
    'colour-mask': _error('a mask in colour', '--fix OUT writes ids, --colours FILE names them'),
    'lossy-mask': _error('a mask saved as JPEG, which changes ids', 'export it as PNG'),
    '16-bit': _error('ids above 255, which would wrap around', 'write ids of 8 bits, void = 255'),
    'ids': _error('ids that are neither class nor void', 'mend them, or add the classes'),
    '0-255': _error(
        'every mask of the split holds 0 and 255 only: 255 is void, so all is background',
        'write 1 where it says 255: --fix OUT --map 255=1',
    ),
    'grey-levels': _error(
        'ids with holes between them, no more than there are classes', '--fix OUT --map OLD=NEW'
    ),
    'only-0-and-255': _warning(
        'one mask of 0 and 255 only', 'if 255 marks an object, write its id'
    ),
    'void': _warning('a mask that is void all over', 'remove the id: nothing is learned from it'),
    'all-void': _error('every mask of the split is void', 'mend the masks: 255 is "not labelled"'),
    # splits
    'leak': _error('an image to train on and to score by, byte for byte', 'remove it from one'),
    'same-content': _warning('the same image twice in one split', 'remove one'),
    'absent': _warning('classes without a pixel in a split', 'their IoU means nothing there'),
    'unknown-dataset': _warning('a data set of a type that is not checked', 'nothing'),
}
"""Fault to severity, meaning and fix, in the order of the documentation."""
