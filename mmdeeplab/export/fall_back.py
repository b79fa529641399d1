"""Which layers stay in float so that the gate is passed."""

from collections.abc import Callable

from mmdeeplab.export.gate import Verdict


def fall_back(
    attempt: Callable[[list[str]], Verdict], order: Callable[[], list[str]]
) -> tuple[Verdict, list[str]]:
    """Leave ever more layers in float until the gate is passed; then as few as can be.

    Args:
        attempt: Makes and judges an artefact with these layers in float.
        order: The layers, the most harmful first; asked for only where all in int8 fails.

    Returns:
        The last verdict, and the layers left in float. Where the verdict has faults, all were.
    """
    verdict = attempt([])
    if not verdict.faults:
        return verdict, []
    layers = order()
    failed, passed = 0, 1
    while (verdict := attempt(layers[:passed])).faults:
        if passed == len(layers):
            return verdict, layers
        failed, passed = passed, min(2 * passed, len(layers))
    last = passed
    while passed - failed > 1:
        last = (passed + failed) // 2
        verdict = attempt(layers[:last])
        passed, failed = (passed, last) if verdict.faults else (last, failed)
    if last != passed:
        verdict = attempt(layers[:passed])
    return verdict, layers[:passed]
