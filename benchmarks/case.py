"""What a case is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

OURS = 'mmdeeplab'


class Skip(Exception):
    """This variant cannot run here; the text says why."""


@dataclass(frozen=True)
class Trained:
    """A trained network and its data."""

    config: str
    checkpoint: str
    data_root: str


@dataclass(frozen=True)
class Scale:
    """How large the work is: as published, or as small as a test needs it.

    Attributes:
        folder: For files.
        tiny: The test's sizes.
        rounds: How often each variant is timed.
        trained: For the case that judges quality.
    """

    folder: Path
    tiny: bool = False
    rounds: int = 5
    trained: Trained | None = None

    def of(self, full: int, tiny: int) -> int:
        return tiny if self.tiny else full


@dataclass(frozen=True)
class Within:
    """A goal that is no speed: how far a score may be from another one.

    Attributes:
        score: Its name.
        bound: The distance allowed.
        difference: What was found, the other one subtracted.
    """

    score: str
    bound: float
    difference: float

    def judged(self) -> dict[str, object]:
        """The goal as a row of results has it, shown even if it is met, since no column has it."""
        return dict(
            goal=f'{self.score} within {self.bound:g}',
            met=abs(self.difference) <= self.bound,
            reached=f'{round(self.difference, 2) + 0:+.2f}',  # never -0.00
            shown=True,
        )


@dataclass
class Work:
    """A variant that is ready to run.

    Attributes:
        call: What is timed.
        units: How many of the comparison's units one call does.
        parameters: Of the network.
        multiply_adds: Of one call.
        limit: Which of the machine's limits the multiply-adds stand against: see
            :mod:`benchmarks.limits`.
        own_seconds: The call returns the seconds itself, measured in another process.
        notes: What else is worth knowing.
        within: A goal that does not depend on the times.
    """

    call: Callable[[], object]
    units: float = 1
    parameters: int = 0
    multiply_adds: int = 0
    limit: str = ''
    own_seconds: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    within: Within | None = None


@dataclass(frozen=True)
class Variant:
    """One way to do the work.

    Attributes:
        name: As printed.
        prepare: Makes it ready; raises :class:`Skip` where it cannot run.
        of: Whose code it is.
    """

    name: str
    prepare: Callable[[], Work]
    of: str = OURS


@dataclass(frozen=True)
class Comparison:
    """Variants that are timed in turns.

    Attributes:
        title: What they do.
        variants: The ways.
        reference: Name of the one that counts as 1.
        unit: What the times are given for.
        goals: Variant -> how many times as fast as the reference it should be.
        agree: Takes what the truth and a variant return, says how far they agree.
        truth: Name of the variant that all others of the same origin should agree with.
        bounds: Variant -> milliseconds that it should stay under.
        extra: Variant -> milliseconds that it may take more than the reference.
    """

    title: str
    variants: tuple[Variant, ...]
    reference: str
    unit: str = 'image'
    goals: Mapping[str, float] = field(default_factory=dict)
    agree: Callable[[Any, Any], str] | None = None
    truth: str = ''
    bounds: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, float] = field(default_factory=dict)

    def against(self, peer: str) -> Comparison | None:
        """This comparison with the peer as the reference; None where the peer takes no part."""
        for variant in self.variants:
            if variant.of == peer:
                goals = self.goals if variant.name == self.reference else {}
                return replace(self, reference=variant.name, goals=goals)
        return None
