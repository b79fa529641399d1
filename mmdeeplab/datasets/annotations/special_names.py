"""Names by which annotation tools call what is no object: the background, and void."""

BACKGROUND = ('background', '_background_', '__background__', 'bg')
"""Pixels that nobody annotated are of this class, which has id 0."""
VOID = ('void', 'ignore', '__ignore__', 'ignored', 'unlabeled', 'unlabelled', "don't care")
"""Pixels of such objects are neither learned from nor scored."""


def is_background(name: str) -> bool:
    """Whether a class is called as the background is, in whatever letters."""
    return name.strip().lower() in BACKGROUND


def is_void(name: str) -> bool:
    """Whether a class is called as void is, in whatever letters."""
    return name.strip().lower() in VOID
