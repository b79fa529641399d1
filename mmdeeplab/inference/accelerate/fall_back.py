"""Find the layers that must stay in float for a network to pass the parity check."""

from collections.abc import Callable

from mmdeeplab.inference.accelerate.parity import ParityReport


def fall_back(
    attempt: Callable[[list[str]], ParityReport], by_harm: Callable[[], list[str]]
) -> tuple[ParityReport, list[str]]:
    """Leave as few layers in float as possible so that the parity check is passed.

    More and more layers are left in float until it passes, and then fewer again.

    Args:
        attempt: Converts a network with the named layers in float, and compares it.
        by_harm: Gives the layers, the most harmful in int8 first; called only if the check fails
            with all of them in int8.

    Returns:
        The last report, and the layers in float. If the report has faults, all of them are.
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
    tried = passed
    while passed - failed > 1:
        tried = (passed + failed) // 2
        report = attempt(layers[:tried])
        passed, failed = (passed, tried) if report.faults else (tried, failed)
    if tried != passed:
        report = attempt(layers[:passed])
    return report, layers[:passed]
