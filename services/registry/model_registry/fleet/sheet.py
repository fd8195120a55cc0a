"""One copy's sheet as it lies in the store."""

from __future__ import annotations

from typing import Self

from pipit.fleet import DeviceReport
from pipit.logging import get_logger
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from model_registry.fleet.seen import Heard, Watched
from model_registry.pointer import Document

_log = get_logger("model_registry.fleet.sheet")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class HeardRecord(_Record):
    """The last report of one process of a device. seconds: since it was received, when the sheet was written.

    before: the last report of the boot before that one. before_seconds: since that was received.
    """

    report: DeviceReport
    seconds: float
    before: DeviceReport | None = None
    before_seconds: float = 0.0

    @classmethod
    def of(cls, heard: Heard, now: float) -> Self:
        """now: by the clock of `heard`."""
        # Of what was checked when it was received.
        return cls.model_construct(
            report=heard.report,
            seconds=now - heard.at,
            before=heard.before,
            before_seconds=now - heard.before_at if heard.before else 0.0,
        )

    def heard_at(self, written: float, unheard: float = 0.0) -> tuple[tuple[str, int], Heard]:
        """Device and process, and what they said. written: when the sheet was, by the clock that is wanted."""
        heard = Heard(self.report, written - self.seconds, self.before, written - self.before_seconds, unheard)
        return (self.report.device_id, self.report.process), heard


class WatchedRecord(_Record):
    """A device that watches, or did. seconds: since it was last known to."""

    device_id: str
    environment: str
    tasks: tuple[str, ...]
    seconds: float
    open: bool

    @classmethod
    def of(cls, device_id: str, watched: Watched, now: float) -> Self:
        """now: by the clock of `watched`."""
        return cls.model_construct(
            device_id=device_id,
            environment=watched.environment,
            tasks=tuple(sorted(watched.tasks)),
            seconds=0.0 if watched.streams else now - watched.at,
            open=watched.streams > 0,
        )

    def watched_at(self, written: float, alive: bool) -> tuple[str, Watched]:
        """As `HeardRecord.heard_at`. alive: whether the copy that wrote it lives, and the watch with it."""
        streams = int(self.open and alive)
        return self.device_id, Watched(self.environment, frozenset(self.tasks), written - self.seconds, streams)


class Sheet(Document):
    """All that a copy heard in the last 24 hours."""

    replica: str
    written_at: AwareDatetime
    heard: tuple[HeardRecord, ...] = ()
    watched: tuple[WatchedRecord, ...] = ()

    def to_bytes(self) -> bytes:
        """JSON without what is empty: it is written often."""
        return self.model_dump_json(exclude_defaults=True).encode()


def parsed(key: str, data: bytes) -> Sheet | None:
    """None: it can't be read; whoever wrote it writes it anew."""
    try:
        return Sheet.model_validate_json(data)
    except ValidationError:
        _log.warning("sheet_unreadable", key=key)
        return None
