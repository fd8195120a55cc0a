"""What runs now, said at once: `pipit ads watch`. A source that breaks off is connected to again.

    source ─> rows of members' scores ─> a stream of blocks ─> ad_started, ad_ended

Times are seconds from when watching began; those of a file are its own. While nothing comes, nothing is said: after
`gap` seconds of it blocks forget what they knew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event as Flag
from time import monotonic
from typing import Any, Literal

import numpy as np
from pipit.data.frames.following import Connections, Patience
from pipit.data.frames.sources import Source, open_file, open_url
from pipit.data.seen_and_heard import Heard, Seen, SeenAndHeard
from pipit.errors import InvalidInput, Unavailable
from pipit.inputs.camera import Camera

from ad_detection.blocks.asking import Answering, moment
from ad_detection.blocks.composing import RATE, Composer, Row
from ad_detection.blocks.pipeline import AD

Name = Literal["watching", "ad_started", "ad_ended", "sound_lost", "sound_back", "reconnecting", "ended"]


@dataclass(frozen=True, slots=True)
class Event:
    """seconds: when it was noticed. score: how likely an advertisement runs, by the vote. note: for people.

    without_sound: whether members that hear are silent, so that nothing but lasting scores is gone by.
    """

    name: Name
    seconds: float
    score: float | None = None
    without_sound: bool = False
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Of JSON's types; `at` is the wall clock."""
        found: dict[str, Any] = {"event": self.name, "seconds": round(self.seconds, 3)}
        found["at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self.score is not None:
            found["score"] = round(self.score, 4)
        if self.name in ("ad_started", "ad_ended"):
            found["without_sound"] = self.without_sound
        return found | ({"note": self.note} if self.note else {})


class Watcher:
    """Of one source, until it ends or `stop` is set."""

    def __init__(
        self,
        answering: Answering,
        tell: Callable[[Event], None],
        say: Callable[[str], None] = lambda _: None,
        stop: Flag | None = None,
    ) -> None:
        """tell: takes events as they come. say: lines for people."""
        self._answering = answering
        self._tell = tell
        self._say = say
        self._stop = stop or Flag()
        self._blocks = answering.open_blocks()
        self._inside = False
        self._is_silent = False
        self._seconds = 0.0
        self._began: float | None = None

    def watch(self, source: Source, fps: float, patience: Patience, *, insecure: bool = False) -> None:
        """Until it ends for good. Raises InvalidInput, NotFound, Unavailable for a source that does not come back."""
        self._tell(Event("watching", 0.0, note=source.name))
        if source.kind == "file":
            with open_file(Path(source.address), source.name) as container:
                self._read(iter(SeenAndHeard(container, source.name, fps, RATE)), 0.0)
        elif source.kind == "folder":
            raise InvalidInput(
                f"{source.name} is a folder; watch one file, a URL or a device; pipit ads skip takes many"
            )
        else:
            connections = Connections(source.name, patience, self._stop, self._broke_off)
            connect = self._camera if source.kind == "device" else partial(self._url, insecure=insecure)
            connections.run(lambda: connect(source, fps, patience, connections))
        self._end("ended")

    def _url(self, source: Source, fps: float, patience: Patience, connections: Connections, *, insecure: bool) -> None:
        with open_url(source, patience.silence, insecure=insecure) as container:
            connections.is_there()
            found = SeenAndHeard(container, source.name, fps, RATE, patience.pictureless)
            is_live = found.duration is None
            self._read(self._news(iter(found), connections), self._since())
            if is_live and not self._stop.is_set():
                raise Unavailable("nothing more came")

    def _camera(self, source: Source, fps: float, patience: Patience, connections: Connections) -> None:
        with Camera(source.address) as camera:
            connections.is_there()
            begin = self._since()
            seen = (Seen(frame.pixels, frame.seconds) for frame in camera.frames(fps))
            self._read(self._news(seen, connections), begin)
            if not self._stop.is_set():
                raise Unavailable("it gave no more pictures")

    def _since(self) -> float:
        """Seconds since the first connection: what is live goes on while nobody looks."""
        if self._began is None:
            self._began = monotonic()
            return 0.0
        return monotonic() - self._began

    def _news(self, came: Iterator[Seen | Heard], connections: Connections) -> Iterator[Seen | Heard]:
        for one in came:
            if self._stop.is_set():
                return
            connections.is_something_new()
            yield one

    def _read(self, came: Iterator[Seen | Heard], begin: float) -> None:
        ensemble = self._answering.ensemble
        composer = Composer(ensemble.members, self._answering.open_member, begin, self._say)
        for one in came:
            if self._stop.is_set():
                return
            for row in composer.take(one):
                self._look(row)
        for row in composer.finish():
            self._look(row)

    def _look(self, row: Row) -> None:
        if row.seconds < self._seconds:
            return
        self._seconds = row.seconds
        ensemble = self._answering.ensemble
        rows = ensemble.rows(np.array([row.scores], np.float32))
        is_silent = not bool(ensemble.is_whole(rows)[0])
        if is_silent != self._is_silent:
            self._is_silent = is_silent
            note = "going by scores that last, until sound is heard" if is_silent else ""
            self._tell(Event("sound_lost" if is_silent else "sound_back", row.seconds, note=note))
        for answer in self._blocks.push(moment(row.scores), row.seconds):
            inside = answer.label == AD
            if inside != self._inside:
                self._inside = inside
                score = next((one.score for one in answer.scores if one.label == AD), None)
                self._tell(Event("ad_started" if inside else "ad_ended", row.seconds, score, is_silent))

    def _broke_off(self, text: str) -> None:
        # Nobody may be left muted because nothing comes any more.
        self._end("reconnecting", text)
        self._say(text)

    def _end(self, name: Name, note: str = "") -> None:
        if self._inside:
            self._inside = False
            self._tell(Event("ad_ended", self._seconds, note="the source broke off or ended"))
        self._tell(Event(name, self._seconds, note=note))
