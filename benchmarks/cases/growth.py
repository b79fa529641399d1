"""How the time of a picture grows with the work: MobileNetV2 beside smp's."""

from functools import partial

from benchmarks import networks, processes
from benchmarks.case import OURS, Comparison, Scale, Variant
from benchmarks.cases.inference import SMALL, compare, peer, smp_by_openvino, ways


def setup(scale: Scale) -> list[Comparison]:
    """Vary batch, pixels, classes and processes of MobileNetV2, one at a time."""
    side, small = scale.of(513, 33), 'mobilenet_v2'
    names = ('eager', 'fast')
    comparisons = []
    for batch in (4, 16):
        reference = peer('smp', small, partial(networks.smp, small, side, batch))
        rows = (
            smp_by_openvino(small, side, batch),
            *ways(SMALL, side, scale, names, batch=batch),
        )
        comparisons.append(compare(f'batch {batch}', reference, rows))
    for pixels in (257, 1025):
        reference = peer('smp', small, partial(networks.smp, small, pixels))
        rows = (smp_by_openvino(small, pixels), *ways(SMALL, pixels, scale, names))
        comparisons.append(compare(f'{pixels} pixels', reference, rows))
    classes = 150
    reference = peer('smp', small, partial(networks.smp, small, side, 1, classes))
    our_variants = ways(SMALL, side, scale, names, **{'decode_head.num_classes': classes})
    rows = (smp_by_openvino(small, side, 1, classes), *our_variants)
    comparisons.append(compare(f'{classes} classes', reference, rows))
    if scale.tiny:  # the others take a test too long
        return comparisons[:1]
    return [*comparisons, several(side, scale)]


def several(side: int, scale: Scale) -> Comparison:
    """Compare one process with two, of one thread each."""
    variants = tuple(
        Variant(
            f'{count} process{"es" * (count > 1)} of 1 thread',
            partial(processes.predictions, SMALL, side, count, scale),
            OURS,
        )
        for count in (1, 2)
    )
    return Comparison('processes', variants, variants[0].name)
