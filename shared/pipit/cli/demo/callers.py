"""People who ask servers all the time, and say whether the answers were right."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle
from types import TracebackType

from pipit.bundle import Bundle
from pipit.cli.demo.clips import Clip
from pipit.client import Client
from pipit.errors import PipitError, Unavailable

_PAUSE_SECONDS = 0.1
"""Between an answer and the next question: enough of them for a rule, and room for the servers beside them."""


class Callers:
    """A context manager: one thread a server, which asks about one clip after the other.

    answered: by device and version. failed: what went wrong, by its text.
    """

    def __init__(self, addresses: Mapping[str, str], task: str, bundle: Bundle, clips: Sequence[Clip]) -> None:
        """addresses: host:port by device."""
        self.answered: Counter[tuple[str, str]] = Counter()
        self.failed: Counter[str] = Counter()
        self._devices = tuple(addresses)
        self._task = task
        self._bundle = bundle
        self._clips = clips
        self._ends = threading.Event()
        self._last: dict[str, float] = {}
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._ask, args=(device, address), name=f"asks {device}", daemon=True)
            for device, address in addresses.items()
        ]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(30.0)

    def wait_for(self, answers: int, seconds: float) -> None:
        """Until each device has given so many. Raises Unavailable after `seconds`, with what went wrong."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._fewest() >= answers, seconds):
                wrong = "; ".join(self.failed) or "they are slow"
                raise Unavailable(f"a device gave {self._fewest()} answers in {seconds:.0f} s, not {answers}: {wrong}")

    def _fewest(self) -> int:
        of_device: Counter[str] = Counter()
        for (device, _), count in self.answered.items():
            of_device[device] += count
        return min(of_device[device] for device in self._devices)

    @property
    def asked(self) -> int:
        """Questions so far."""
        return sum(self.answered.values()) + sum(self.failed.values())

    def of_version(self, version: str) -> dict[str, int]:
        """How many answers of it each device gave that gave any."""
        return {device: count for (device, of), count in sorted(self.answered.items()) if of == version}

    def last_answer_of(self, version: str) -> float | None:
        """When the last answer of that version came, by `time.time`; None: there was none."""
        return self._last.get(version)

    def _ask(self, device: str, address: str) -> None:
        with Client(address, task=self._task, top_k=1) as client:
            for clip in cycle(self._clips):
                if self._ends.wait(_PAUSE_SECONDS):
                    return
                try:
                    answer = client.classify(clip.path)
                    with self._changed:
                        self.answered[device, answer.model.version] += 1
                        self._last[answer.model.version] = time.time()
                        self._changed.notify_all()
                    client.feedback(answer, clip.expected(self._bundle.manifest))
                except PipitError as error:
                    with self._changed:
                        self.failed[str(error)] += 1
