"""What a host was told, what goes on about it, and why that went wrong: guarded by one lock, which any thread may take.

told ──> agenda ──take──> an attempt goes on ──fulfilled, failed, or wanted no more: cancelled──> the next one
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from pipit.serving.agenda import Agenda
from pipit.serving.attempts import Attempt, Desired, Part, Purpose
from pipit.serving.loading import SIGNATURE
from pipit.serving.wishes import Wish


class Orders:
    """See the module."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        """Held by who looks at several things at once; told of whatever may be something to do."""
        self.agenda = Agenda()
        self.reason = "no version is known yet"
        """Why what should answer does not, for people; empty: it does."""
        self.is_stopping = False
        self._attempt: Attempt | None = None
        self._chosen_anew = False

    def settle(self) -> None:
        """Nothing more is to be loaded; what is under way ends."""
        with self.changed:
            self.agenda.is_settled = True
            attempt = self._attempt
        if attempt is not None:
            attempt.cancel()

    def stop(self) -> None:
        """Ends everything."""
        with self.changed:
            self.is_stopping = True
            self.agenda.wish = None
            self.changed.notify_all()

    def start_with(self, desired: tuple[Desired, ...]) -> None:
        """What answered before, the best first."""
        with self.changed:
            self.agenda.wish, self.agenda.first = Wish(desired[0]), desired
            self.changed.notify_all()

    def desire(self, desired: Desired, part: Part, active: str, before: str) -> bool:
        """Takes what is told, and ends what is under way to another version; gives whether it is a new wish.

        active, before: digests of what answers, and of what did before it.
        """
        with self.changed:
            # What is held against other versions is forgotten: somebody has chosen anew.
            self._chosen_anew = True
            agenda, attempt = self.agenda, self._attempt
            if agenda.is_settled:
                return False
            is_new = agenda.desire(desired, part, before)
            goes_on = attempt is not None and agenda.wants(attempt, active)
            agenda.renew_candidate(attempt if goes_on else None)
            if active == desired.digest and not agenda.is_failed:
                self.reason = ""
            self.changed.notify_all()
        if attempt is not None and not goes_on:
            attempt.cancel()
        return is_new

    def recheck(self) -> None:
        """What was refused for its signature may be trusted by now."""
        with self.changed:
            for wish in (self.agenda.wish, self.agenda.candidate):
                if wish is not None:
                    wish.lift(SIGNATURE)
            self.changed.notify_all()

    def give_way(self, purposes: Collection[Purpose], digest: str) -> None:
        """What is under way ends, and is taken up again later: something else can't wait for it.

        purposes: of what gives way. digest: of a version that is to answer, whose way goes on.
        """
        with self.changed:
            attempt = self._attempt
            if attempt is None or attempt.purpose not in purposes or attempt.cancelled.is_set():
                return
            if attempt.purpose is Purpose.ANSWER and attempt.desired.digest == digest:
                return
            if (wish := self.agenda.wish_of(attempt)) is not None:
                wish.desired = wish.desired.anew()
        attempt.cancel()

    def explain(self, reason: str) -> None:
        """Says why nothing is desired."""
        with self.changed:
            if self.agenda.wish is None:
                self.reason = reason

    def refuse(self, reason: str) -> None:
        """Says why something was not even desired."""
        with self.changed:
            self.reason = reason

    def take(self, to_do: Callable[[], Attempt | None]) -> Attempt | None:
        """What is to be done now, which is under way from here on. None: nothing is, or what was chosen comes first."""
        with self.changed:
            attempt = None if self._chosen_anew else to_do()
            if attempt is not None:
                self.agenda.begin(attempt)
                self._attempt = attempt
            return attempt

    def take_chosen(self) -> tuple[str, ...]:
        """Digests of what somebody has chosen since this was asked last; empty: nobody has."""
        with self.changed:
            is_due, self._chosen_anew = self._chosen_anew, False
            return self.agenda.chosen if is_due else ()

    @property
    def was_chosen_anew(self) -> bool:
        """Whether `take_chosen` has something to say."""
        return self._chosen_anew

    def answers(self, *, by_anything: bool) -> str:
        """Another version is about to answer, or none; gives the digest of what may stand by then."""
        with self.changed:
            if not by_anything:
                self.reason = "it was stopped"
            elif not self.agenda.is_failed:
                self.reason = ""
            self._attempt = None
            return self.agenda.part.standby

    def fulfil(self, attempt: Attempt) -> None:
        """It came to its end."""
        with self.changed:
            if (wish := self.agenda.wish_of(attempt)) is not None:
                wish.succeed()

    def fail(self, attempt: Attempt, step: str, reason: str, error: BaseException) -> None:
        """A step of it failed."""
        with self.changed:
            if attempt.purpose is Purpose.ANSWER:
                self.reason = reason
            if (wish := self.agenda.wish_of(attempt)) is not None:
                wish.fail(step, reason, error)

    def end(self, attempt: Attempt, *, is_serving: bool) -> None:
        """It is under way no more, however it ended."""
        with self.changed:
            self._attempt = None
            if attempt.purpose is Purpose.ANSWER:
                # On to the next of those to start with, unless one of them answers. What gave way to another has not
                # failed: it is tried after that.
                first = tuple(
                    one.anew() if one is attempt.desired else one
                    for one in self.agenda.first
                    if one != attempt.desired or attempt.cancelled.is_set()
                )
                self.agenda.first = () if is_serving else first

    @property
    def is_failed(self) -> bool:
        """Whether nothing is tried, nor will be by itself, for what should answer."""
        return self._under_way() is None and self.agenda.is_failed

    @property
    def why(self) -> str:
        """What goes on, or else what went wrong."""
        attempt = self._under_way()
        return self.reason if attempt is None else str(attempt)

    def _under_way(self) -> Attempt | None:
        """To a version that is to answer."""
        attempt = self._attempt
        is_wanted = attempt is not None and attempt.purpose is Purpose.ANSWER and not attempt.cancelled.is_set()
        return attempt if is_wanted else None
