"""Asks the registry what may be kept, and gives it what was kept, oldest first.

asking ──every half minute──> consents ──> Capture.use
sending ──taken──> deleted here, the next
   ├──away──> after a pause, ever longer, with jitter
   ├──PERMISSION_DENIED──> the consent is gone: all of the task is deleted here
   └──it can't be taken──> that one is deleted here, and counted
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from pipit.capture.ring import Kept, Ring
from pipit.errors import InputTooLarge, IntegrityError, InvalidInput, NotFound, PermissionDenied, PipitError
from pipit.examples import Consent
from pipit.examples.client import ExampleClient
from pipit.locks import try_exclusive_lock
from pipit.logging import get_logger
from pipit.rpc.client import is_unknown_call

ASK_SECONDS = 30.0
UNKNOWN_PAUSE = 600.0
"""Seconds until a registry that has no such service is asked again."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds after an upload that failed: at first, and at most."""
_SHARED_PAUSE = 5.0
"""Seconds until one looks again, where another process of the device sends."""
_log = get_logger(__name__)


class Sender:
    """A thread. It stays until `stop`."""

    def __init__(
        self,
        client: ExampleClient,
        device_id: str,
        rings: Mapping[str, Ring],
        lock: Path,
        use: Callable[[Sequence[Consent]], None],
        sent: Callable[[str], None],
        left_out: Callable[[str, str], None],
        generator: random.Random | None = None,
    ) -> None:
        """client: stays the caller's. rings: by task. lock: of the process that sends.

        use: told the consents whenever the registry said them. sent, left_out: told the task, and why. generator: of
        the jitter.
        """
        self._client = client
        self._device_id = device_id
        self._rings = rings
        self._lock = lock
        self._use, self._sent, self._left_out = use, sent, left_out
        self._generator = generator or random.Random()
        self._allowed: frozenset[str] = frozenset()
        self._ask_at = self._send_at = 0.0
        self._failures = 0
        self._broken = ""
        """What the registry found to be of another digest; once more, and it goes."""
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="examples", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def wake(self) -> None:
        """Says that something waits; returns at once."""
        self._woken.set()

    def settle(self) -> None:
        """Begins to stop. From here on the client's channel may be closed."""
        self._stopped.set()
        self._woken.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Ends. May be called again, and before `start`. timeout: seconds for a call that is under way."""
        self.settle()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                if monotonic() >= self._ask_at:
                    self._ask()
                waits = monotonic() >= self._send_at and self._send()
            except Exception:
                if self._stopped.is_set():
                    return  # The channel was closed under it.
                # A fault of ours must not end it.
                _log.exception("examples_failed")
                self._pause()
                waits = False
            if not waits:
                self._wait()

    def _wait(self) -> None:
        now = monotonic()
        until = max(self._send_at, now) if self._send_at > now else self._ask_at
        self._woken.wait(max(0.0, min(until, self._ask_at) - now))

    def _ask(self) -> None:
        seconds = ASK_SECONDS
        consents: Sequence[Consent] | None
        try:
            consents = self._client.list_consents(self._device_id)
        except PipitError as error:
            if self._stopped.is_set():
                return
            if is_unknown_call(error):
                seconds = UNKNOWN_PAUSE
            _log.info("consents_not_known", reason=str(error))
            consents = None
        # Before they are used: a fault there must not have the registry asked without a pause.
        self._ask_at = monotonic() + seconds * self._generator.uniform(0.8, 1.0)
        self._expire()
        if consents is not None:
            mine = [one for one in consents if one.device_id == self._device_id and one.task in self._rings]
            self._allowed = frozenset(one.task for one in mine)
            self._use(mine)

    def _expire(self) -> None:
        """Whether the registry answers or not: a consent is for so many days, and no longer."""
        for task, ring in self._rings.items():
            for _ in range(ring.expire(datetime.now(UTC))):
                self._left_out(task, "too_old")

    def _send(self) -> bool:
        """Sends one; gives whether there may be another."""
        waiting = [(name, task) for task in self._allowed if (name := self._rings[task].oldest()) is not None]
        if not waiting:
            return False
        with try_exclusive_lock(self._lock) as held:
            if not held:
                self._send_at = monotonic() + _SHARED_PAUSE
                return False
            name, task = min(waiting)
            try:
                kept = self._rings[task].read(name)
            except FileNotFoundError:
                return True
            except IntegrityError as error:
                _log.warning("example_broken", task=task, reason=str(error))
                self._drop(task, name, "broken")
                return True
            return self._upload(task, kept)

    def _upload(self, task: str, kept: Kept) -> bool:
        try:
            self._client.upload(kept.example, kept.content)
        except PermissionDenied as error:
            _log.warning("examples_refused", task=task, reason=str(error))
            self._allowed -= {task}
            self._ask_at = 0.0
            for _ in range(self._rings[task].clear()):
                self._left_out(task, "refused")
        except (InvalidInput, InputTooLarge, NotFound, IntegrityError) as error:
            _log.warning("example_refused", task=task, example=kept.example.id, reason=str(error))
            if not isinstance(error, IntegrityError) or self._broken == kept.name:
                self._drop(task, kept.name, "refused")
            self._broken = kept.name
            self._pause()
            return False
        except PipitError as error:
            if not self._stopped.is_set():
                _log.info("example_waits", task=task, reason=str(error))
                self._pause()
            return False
        else:
            self._rings[task].drop(kept.name, kept.mark)
            self._failures = 0
            self._sent(task)
        return True

    def _drop(self, task: str, name: str, reason: str) -> None:
        self._rings[task].drop(name)
        self._left_out(task, reason)

    def _pause(self) -> None:
        pause = min(FIRST_PAUSE * 2.0**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 20)
        self._send_at = monotonic() + pause * self._generator.uniform(0.5, 1.0)
