"""When somebody cries: the gate's scores of windows to episodes, with hysteresis.

    score
    enter ─ ─ ─ ─ ─ x ─ x ─ x ─ ─ ─ ─ ─ ─ ─
                x               x
    exit  ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─
            x                       x
            quiet   | an episode    | quiet

It opens with `hits` windows in a row that reach `enter`, goes on while windows reach `exit`, and is answered once: when
it ends, or when it holds `answer_after` windows, whichever comes first. A recording of fewer windows than `hits` is an
episode if all of them reach `enter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from pipit.errors import InvalidInput
from pipit.types import TimeSpan

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """Scores: 0..1, of the gate. hits, answer_after: windows."""

    enter: float
    exit: float
    hits: int
    answer_after: int

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not 0.0 <= self.exit <= self.enter <= 1.0:
            raise InvalidInput(f"an episode ends at or below where it begins, both in 0..1; not {self}")
        if not 1 <= self.hits <= self.answer_after:
            raise InvalidInput(f"an episode is answered no sooner than it opens, after one window or more; not {self}")

    @property
    def parameters(self) -> dict[str, Any]:
        """As a bundle's pipeline holds them; the inverse of `rule_of`."""
        return asdict(self)


def rule_of(parameters: Mapping[str, Any]) -> EpisodeRule:
    """From a bundle's pipeline parameters. Raises InvalidInput."""
    try:
        return EpisodeRule(
            float(parameters["enter"]),
            float(parameters["exit"]),
            int(parameters["hits"]),
            int(parameters["answer_after"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the bundle's rule of episodes is wrong ({error}); it needs enter, exit, hits, answer_after"
        ) from error


@dataclass(frozen=True, slots=True)
class Heard(Generic[RowT]):
    """One answer to give. rows: of the windows that an episode is judged by; none where nobody cried."""

    span: TimeSpan
    rows: tuple[RowT, ...] = ()

    @property
    def is_cry(self) -> bool:
        """Whether somebody cried."""
        return bool(self.rows)


class Episodes(Generic[RowT]):
    """State of one recording. Windows come in their order."""

    def __init__(self, rule: EpisodeRule) -> None:
        self._rule = rule
        self._held: list[tuple[TimeSpan, RowT]] = []
        self._windows = 0
        self._open = False
        self._answered = False

    def push(self, span: TimeSpan, score: float, row: RowT) -> list[Heard[RowT]]:
        """What can be answered now; nothing while it may become, or is, an episode that is not answered yet."""
        self._windows += 1
        if score >= (self._rule.exit if self._open else self._rule.enter):
            return self._loud(span, row)
        ended = self._end()
        # A few loud windows that came to nothing were as quiet as this one.
        start = ended[0].span.start if ended and not ended[0].is_cry else span.start
        return [*(heard for heard in ended if heard.is_cry), Heard(TimeSpan(start, span.end))]

    def finish(self) -> list[Heard[RowT]]:
        """The recording is over."""
        if self._held and self._windows < self._rule.hits:
            self._open = len(self._held) == self._windows
        return self._end()

    def _loud(self, span: TimeSpan, row: RowT) -> list[Heard[RowT]]:
        if self._answered:
            return []
        self._held.append((span, row))
        self._open = self._open or len(self._held) >= self._rule.hits
        if not self._open or len(self._held) < self._rule.answer_after:
            return []
        self._answered = True
        return [self._heard()]

    def _end(self) -> list[Heard[RowT]]:
        heard = [self._heard()] if self._held else []
        self._open = self._answered = False
        return heard

    def _heard(self) -> Heard[RowT]:
        span = TimeSpan(self._held[0][0].start, self._held[-1][0].end)
        rows = tuple(row for _, row in self._held) if self._open else ()
        self._held = []
        return Heard(span, rows)
