"""All of it: what answers show their inputs to, what feedback is told to, and the thread that writes."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipit.capture.answered import Answered, WaitingForFeedback, bytes_said, parts_of
from pipit.capture.chooser import Chooser, best_scores
from pipit.capture.content import Blur, Content, content_of, has_picture
from pipit.capture.ring import Ring, device_key
from pipit.capture.sender import Sender
from pipit.errors import InputTooLarge, InvalidInput, PipitError, QueueFull
from pipit.examples import Consent, Example, Reason
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.inputs import Input, bytes_of
from pipit.inputs.memory import Budget
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.types import TASK_NAME, Identity, Prediction

FEEDBACK_BYTES = 8 << 20
"""Of inputs that wait for somebody to say that their answer was wrong."""
QUEUE_BYTES = 32 << 20
QUEUE_LENGTH = 32
"""Of what waits to be written. What comes beyond is left out: no answer waits for a disk."""
_NICE = 10
"""Of the thread that writes, and looks for faces first: answers have nearly all of the processor where they want it."""
AskOther = Callable[[str, Input], tuple[str, Sequence[Prediction]] | None]
_log = get_logger(__name__)


class _Job(NamedTuple):
    """corrected: the right label; None: nobody said one."""

    answered: Answered
    reason: Reason
    corrected: str | None = None


class Capture:
    """See the module. Threads share it; `start` and `stop` it."""

    def __init__(
        self,
        folder: Path,
        tasks: Collection[str],
        device_id: str,
        most_bytes: int,
        client: ExampleClient,
        metrics: Metrics,
        memory: Budget,
        networks: Path | None = None,
    ) -> None:
        """folder: for examples, made where it is missing. most_bytes: of one task's, whatever a consent says.

        client: stays the caller's. memory: what is decoded counts to it. networks: folder of those that find faces.
        Raises OSError.
        """
        key = device_key(folder)
        # What was kept of a task that is not served any more is sent or deleted as its consent says.
        earlier = (path.name for path in folder.iterdir() if path.is_dir() and re.fullmatch(TASK_NAME, path.name))
        self._rings = {task: Ring(folder, task, key) for task in sorted({*tasks, *earlier})}
        self._device_id = device_id
        self._most_bytes = most_bytes
        self._memory = memory
        self._networks = networks
        self._blur: Blur | None = None
        self._has_looked = False
        self.ask_other: AskOther = lambda task, item: None
        """What a model that runs beside says of an input that is kept: its version, and predictions."""
        self._kept = metrics.counter("pipit_examples_kept_total")
        self._left_out = metrics.counter("pipit_examples_left_out_total")
        self._sent = metrics.counter("pipit_examples_sent_total")
        self._waiting = metrics.gauge("pipit_examples_waiting_bytes")
        self._feedback = WaitingForFeedback(FEEDBACK_BYTES)
        self.choosers: Mapping[str, Chooser] = {}
        """By task, of those that a consent stands for. Replaced as a whole, so that looking needs no lock."""
        self._epochs = dict.fromkeys(self._rings, 0)
        self._writing = threading.Lock()
        self._showing = threading.Lock()
        self._changed = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._queued = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="capture", daemon=True)
        lock = folder / ".sending.lock"
        self._sender = Sender(client, device_id, self._rings, lock, self.use, self._was_sent, self.leave_out)

    def start(self) -> None:
        """Begins to ask for consents; until one comes, nothing is kept.

        Who was in what tasks that name people have kept before may have been forgotten meanwhile: that goes first.
        """
        self.forget_people()
        for task in self._rings:
            self._show(task)
        self._thread.start()
        self._sender.start()

    def settle(self) -> None:
        """Begins to stop: nothing more is sent, for the client's connection may end from here on."""
        self._sender.settle()

    def stop(self, timeout: float = 5.0) -> None:
        """Ends, once what waits is written. May be called before `start`. timeout: seconds."""
        self._sender.stop(timeout)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def use(self, consents: Sequence[Consent]) -> None:
        """From now on these stand, and no others. What was kept of a task that has none any more is deleted."""
        before, choosers = self.choosers, {}
        for consent in consents:
            known = before.get(consent.task)
            choosers[consent.task] = known if known is not None and known.consent == consent else Chooser(consent)
        self.choosers = choosers
        for task, chooser in choosers.items():
            try:
                self._rings[task].keep_for(chooser.consent.keep_days)
            except (PipitError, OSError) as error:
                _log.warning("days_not_kept", task=task, reason=str(error))
        for task in self._rings.keys() - choosers.keys():
            self._forget(task)
        if before.keys() != choosers.keys():
            _log.info("consents", tasks=sorted(choosers))

    def offer(
        self,
        identity: Identity,
        item: Input,
        predictions: Sequence[Prediction],
        *,
        shows_people: bool = False,
        names_people: bool = False,
        begins: float = 0.0,
        group: str = "",
    ) -> Answered | None:
        """Takes an answered input, of a task in `choosers`, and perhaps keeps it; returns at once.

        What is given back is for `remember`. None: the consent has just gone. See `Answered` for the rest.
        """
        chooser = self.choosers.get(identity.task)
        if chooser is None:
            return None
        reason = chooser.choose(best_scores(predictions))
        answered = Answered(
            identity,
            item,
            predictions,
            datetime.now(UTC),
            bytes_of(item) + bytes_said(predictions),
            shows_people,
            names_people,
            begins,
            group,
            reason,
            self._epochs[identity.task],
        )
        if reason is not None:
            self._put(_Job(answered, reason))
        return answered

    def remember(self, request_id: str, answered: Answered) -> None:
        """Holds an answer's input in memory, in case somebody says that it was wrong."""
        self._feedback.hold(request_id, answered)
        if answered.epoch != self._epochs[answered.identity.task]:
            # All of the task was forgotten meanwhile.
            self._feedback.take(request_id)

    def judged(self, request_id: str, label: str, *, was_right: bool) -> None:
        """Keeps the input of an answer that was wrong. label: the right one, as it may leave the device."""
        answered = self._feedback.take(request_id)
        if answered is None or was_right:
            return
        # One of the fair sample stays one: what is in it must not hang on what the model said.
        reason = Reason.RANDOM if answered.reason is Reason.RANDOM else Reason.WRONG
        self._put(_Job(answered, reason, label))

    def forget_people(self) -> None:
        """Deletes all that was kept of tasks that name people: who was in it may be known no more."""
        for ring in self._rings.values():
            if ring.names_people:
                self._forget(ring.task)

    def leave_out(self, task: str, reason: str) -> None:
        """Counts an example that was not kept, or not any longer."""
        self._left_out.labels(task, reason).inc()
        self._show(task)

    def _was_sent(self, task: str) -> None:
        self._sent.labels(task).inc()
        self._show(task)

    def _show(self, task: str) -> None:
        # Of two threads, the one that has looked last is the last to say what it saw.
        with self._showing, suppress(OSError):
            self._waiting.labels(task).set(self._rings[task].size)

    def _forget(self, task: str) -> None:
        with self._writing:
            # What waits to be written or held is of before, and is not any more.
            self._epochs[task] += 1
            self._feedback.forget(task)
            try:
                deleted = self._rings[task].clear()
            except OSError as error:
                _log.error("examples_not_deleted", task=task, reason=str(error))
                return
        if deleted:
            _log.info("examples_deleted", task=task, examples=deleted)
        self._show(task)

    def _put(self, job: _Job) -> None:
        with self._changed:
            is_full = len(self._queue) >= QUEUE_LENGTH or self._queued + job.answered.size > QUEUE_BYTES
            if not is_full:
                self._queue.append(job)
                self._queued += job.answered.size
                self._changed.notify_all()
        if is_full:
            self._left_out.labels(job.answered.identity.task, "busy").inc()

    def _work(self) -> None:
        with suppress(OSError, AttributeError):
            # Of this thread alone, on Linux.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or bool(self._queue))
                if not self._queue:
                    return
                job = self._queue.popleft()
                self._queued -= job.answered.size
            task = job.answered.identity.task
            try:
                reason = self._write(job)
            except Exception:
                # A fault of ours must not end it.
                _log.exception("example_failed", task=task)
                reason = "failed"
            if reason:
                self.leave_out(task, reason)

    def _write(self, job: _Job) -> str:
        """Gives why it was left out; "": it was kept."""
        task = job.answered.identity.task
        content = self._content(job.answered)
        if isinstance(content, str):
            return content
        example = self._example(job, content)
        # Within, a consent that goes either stops this, or deletes what it has written.
        with self._writing:
            chooser = self.choosers.get(task)
            if chooser is None or job.answered.epoch != self._epochs[task]:
                return ""
            quota = min(chooser.consent.quota_bytes, self._most_bytes)
            try:
                if job.answered.names_people:
                    self._rings[task].note_people()
                dropped = self._rings[task].put(example, content.data, quota)
            except InputTooLarge:
                return "too_large"
            except (PipitError, OSError) as error:
                _log.warning("example_not_kept", task=task, reason=str(error))
                return "disk"
        self._kept.labels(task, example.reason.value).inc()
        for _ in range(dropped):
            self.leave_out(task, "quota")
        self._show(task)
        self._sender.wake()
        return ""

    def _content(self, answered: Answered) -> Content | str:
        blur = None
        if has_picture(answered.item) and not answered.shows_people:
            blur = self._face_blur()
            if blur is None:
                return "no_blur"
        try:
            with self._memory.request(waits=False):
                return content_of(answered.item, blur)
        except QueueFull:
            return "busy"
        except (InvalidInput, InputTooLarge):
            return "unreadable"

    def _face_blur(self) -> Blur | None:
        """None: pictures that may show somebody can't be kept here."""
        if not self._has_looked:
            self._has_looked = True
            try:
                from pipit.capture.blur import FaceBlur  # noqa: PLC0415 (needs LiteRT and Pillow, and networks)

                self._blur = FaceBlur(self._networks)
            except (PipitError, ImportError, OSError) as error:
                _log.warning("faces_can_not_be_blurred", reason=str(error))
        return self._blur

    def _example(self, job: _Job, content: Content) -> Example:
        answered = job.answered
        other = self.ask_other(answered.identity.task, answered.item)
        return Example(
            id=example_id(answered.taken_at, content.data),
            task=answered.identity.task,
            media_type=content.media_type,
            bytes=len(content.data),
            sha256=hashlib.sha256(content.data).hexdigest(),
            reason=job.reason,
            device_id=self._device_id,
            taken_at=answered.taken_at,
            version=answered.identity.version,
            parts=answered.parts(),
            other_version="" if other is None else other[0],
            other_parts=() if other is None else parts_of(other[1], names_people=answered.names_people),
            corrected=job.corrected or "",
            was_corrected=job.corrected is not None,
            group=answered.group,
            faces_blurred=content.faces_blurred,
        )
