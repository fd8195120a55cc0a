"""Spans of recordings, and what is shown at a moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from pipit.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` to before `end`, seconds from the recording's start."""

    recording: str
    start: float
    end: float
    label: str

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.end < float("inf")):
            raise InvalidInput(
                f"a span of {self.recording} from {self.start:g} to {self.end:g} s can't be; "
                "its end has to come after its start, and its start not before 0"
            )
        if not self.recording or not self.label:
            raise InvalidInput(f"a span from {self.start:g} s has no recording or no label; give both")


class Spans:
    """Spans that don't overlap, of recordings that somebody has looked at from their start to their end."""

    def __init__(self, spans: Iterable[Span], recordings: Iterable[str] = ()) -> None:
        """Spans of one label that overlap or touch become one. recordings: more that were looked at, and show nothing.

        Raises InvalidInput for spans of two labels that overlap.
        """
        self._of: dict[str, list[Span]] = {name: [] for name in recordings}
        for span in sorted(spans):
            known = self._of.setdefault(span.recording, [])
            before = known[-1] if known else None
            if before is None or span.start > before.end or (span.start == before.end and span.label != before.label):
                known.append(span)
            elif span.label == before.label:
                known[-1] = Span(span.recording, before.start, max(before.end, span.end), span.label)
            else:
                raise InvalidInput(
                    f"in {span.recording}, {before.label} until {before.end:g} s and {span.label} from "
                    f"{span.start:g} s overlap; end the first where the second begins"
                )
        self._starts = {name: [span.start for span in known] for name, known in self._of.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self._of == other._of

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Spans({len(self.all)} of {len(self._of)} recordings)"

    @property
    def recordings(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted(self._of))

    @property
    def all(self) -> tuple[Span, ...]:
        """By recording and time."""
        return tuple(span for name in self.recordings for span in self._of[name])

    @property
    def labels(self) -> tuple[str, ...]:
        """Each once, sorted."""
        return tuple(sorted({span.label for span in self.all}))

    def of(self, recording: str) -> tuple[Span, ...]:
        """By time. Raises NotFound for a recording that nobody has looked at."""
        try:
            return tuple(self._of[recording])
        except KeyError:
            raise NotFound(f"no labels are known of {recording}; label it, or leave it out") from None

    def label_at(self, recording: str, seconds: float, otherwise: str | None = None) -> str | None:
        """What is shown at a moment; `otherwise` between spans. Raises NotFound as `of` does."""
        spans = self.of(recording)
        position = bisect_right(self._starts[recording], seconds) - 1
        if position < 0 or seconds >= spans[position].end:
            return otherwise
        return spans[position].label

    def require(self, recordings: Iterable[str]) -> None:
        """Raises InvalidInput that names labelled recordings that are not among those that there are."""
        unknown = sorted(set(self._of) - set(recordings))
        if unknown:
            raise InvalidInput(
                f"labels name {len(unknown)} recordings that are not there, for example {', '.join(unknown[:5])}; "
                "a recording's name is its file's without the ending, and with its folder below the source"
            )

    def __or__(self, other: Spans) -> Spans:
        """Both together. Raises InvalidInput as `Spans` does."""
        return Spans((*self.all, *other.all), (*self.recordings, *other.recordings))
