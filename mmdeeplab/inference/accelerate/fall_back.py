"""Which layers stay in float so that the parity check is passed."""

from collections.abc import Callable

from mmdeeplab.inference.accelerate.parity import ParityReport


def fall_back(
    attempt: Callable[[list[str]], ParityReport], by_harm: Callable[[], list[str]]
) -> tuple[ParityReport, list[str]]:
    """Leave ever more layers in float until the parity check is passed; then as few as can be.

    Args:
        attempt: Makes and compares an artefact with these layers in float.
        by_harm: The layers, the most harmful first; asked for only where all in int8 fails.

    Returns:
        The last report, and the layers left in float. Where the report has faults, all were.
    """
    report = attempt([])
    if not report.faults:
        return report, []
    layers = by_harm()
    failed, passed = 0, 1
    while (report := attempt(layers[:passed])).faults:
        if passed == len(layers):
            return report, layers
        failed, passed = passed, min(2 * passed, len(layers))
    last = passed
    while passed - failed > 1:
        last = (passed + failed) // 2
        report = attempt(layers[:last])
        passed, failed = (passed, last) if report.faults else (last, failed)
    if last != passed:
        report = attempt(layers[:passed])
    return report, layers[:passed]
