"""What a collection is asked for and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipit.data.frames.folder import FrameSettings, Room
from pipit.data.frames.following import Patience
from pipit.errors import InvalidInput

Ended = Literal["end", "duration", "stopped", "budget"]


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """duration: seconds of each recording, of a live source of this run; None: until the end.

    insecure: don't look at the certificate of an https address.
    """

    settings: FrameSettings = field(default_factory=FrameSettings)
    room: Room = field(default_factory=Room)
    patience: Patience = field(default_factory=Patience)
    duration: float | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        if self.duration is not None and self.duration <= 0:
            raise InvalidInput(f"{self.duration:g} s hold no picture; give a longer --duration, or none")


@dataclass(slots=True)
class Report:
    """What one run did.

    source: without passwords. is_live: whether it goes on by itself. kept, alike: pictures that were written, and left
    out because they show no change. recordings: that were read. done_before: that did not have to be read again. lost:
    pictures of all these, about, that could not be read, in earlier runs too. interlaced: whether some pictures were.
    ended: why. notes: what is worth knowing. problems: by the names of files that could not be used.
    """

    output: Path
    source: str
    is_live: bool = False
    kept: int = 0
    alike: int = 0
    recordings: int = 0
    done_before: int = 0
    lost: int = 0
    interlaced: bool = False
    ended: Ended = "end"
    notes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
