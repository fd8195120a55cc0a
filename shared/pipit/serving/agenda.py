"""What a task's host should have, and what of it comes next.

what answered before, at a start ──> what is desired ──> the candidate, proven ──> the candidate in the shadow
                                       always first        beside what answers, while nothing else is to be done
"""

from __future__ import annotations

from pipit.serving.attempts import Attempt, Desired, Part, Purpose
from pipit.serving.wishes import Wish


class Agenda:
    """See the module. Its host's lock guards it."""

    def __init__(self) -> None:
        self.wish: Wish | None = None
        self.candidate: Wish | None = None
        self.part = Part()
        self.first: tuple[Desired, ...] = ()
        """What answered here before, the best first; until one of them answers."""
        self.is_settled = False
        """Nothing more is to be loaded."""
        self.is_returning = False
        """What is desired was left for what answers now."""

    def desire(self, desired: Desired, part: Part, before: str) -> bool:
        """Takes what is told; gives whether another version is desired than so far.

        before: digest of what answered before what answers now.
        """
        left = {before, self.part.standby}
        self.part = part
        if part.candidate is None:
            self.candidate = None
        elif self.candidate is None or self.candidate.desired != part.candidate:
            self.candidate = Wish(part.candidate)
        if self.wish is not None and self.wish.desired == desired:
            return False
        self.wish = Wish(desired)
        if desired in self.first:
            # What is on the disk and wanted goes before what is merely there.
            self.first = (desired, *(one for one in self.first if one != desired))
        # A canary is led forwards, be it to a version that answered here once before.
        self.is_returning = not part.standby and desired.digest in left
        return True

    def renew_candidate(self, attempt: Attempt | None) -> None:
        """What was cancelled stays so: unless it is under way still, the candidate is as it was told last.

        attempt: that goes on.
        """
        candidate, told = self.candidate, self.part.candidate
        if candidate is not None and told is not None and (attempt is None or attempt.desired is not candidate.desired):
            candidate.desired = told

    def wants(self, attempt: Attempt, active: str) -> bool:
        """Whether what is under way should go on. active: digest of what answers."""
        desired, wish = attempt.desired, self.wish
        if self.is_settled:
            return False
        if attempt.purpose is Purpose.ANSWER:
            return desired in self.first[:1] or (wish is not None and wish.desired == desired)
        if wish is not None and not wish.is_refused and wish.desired.digest != active:
            # What is proven for later is proven for now.
            return wish.desired.digest == desired.digest
        candidate = self.candidate
        if candidate is None or candidate.desired != desired:
            return False
        return attempt.purpose is Purpose.PREFETCH or self.part.shadow

    def next(self, active: str | None, has_shadow: bool, may_shadow: bool) -> Attempt | None:
        """What to do now.

        active: digest of what answers, empty where it should not go on as it is; None: nothing answers.
        has_shadow: the candidate is loaded, beside what answers or as that. may_shadow: nothing forbids it.
        """
        if self.is_settled:
            return None
        if self.first and active is None:
            return Attempt(self.first[0])
        wish, candidate = self.wish, self.candidate
        if wish is not None and not wish.is_refused and wish.desired.digest != active:
            return Attempt(wish.desired) if wish.is_due else None
        if candidate is None or not candidate.is_due:
            return None
        if not candidate.is_had:
            return Attempt(candidate.desired, Purpose.PREFETCH)
        opens = self.part.shadow and may_shadow and not has_shadow
        return Attempt(candidate.desired, Purpose.SHADOW) if opens else None

    def begin(self, attempt: Attempt) -> None:
        """It is tried now, whatever it waited for."""
        wish = self.wish if attempt.purpose is Purpose.ANSWER else self.candidate
        if wish is not None:
            wish.begin()

    def wish_of(self, attempt: Attempt) -> Wish | None:
        """What it was to fulfil, unless that has changed meanwhile."""
        wish = self.wish if attempt.purpose is Purpose.ANSWER else self.candidate
        return wish if wish is not None and wish.desired is attempt.desired else None

    @property
    def is_failed(self) -> bool:
        """Whether nothing will come of what is desired by itself."""
        return self.wish is None or self.wish.is_refused

    @property
    def beside(self) -> set[str]:
        """Digests of what may be kept loaded beside what answers."""
        wanted = {self.part.standby} if self.part.standby else set()
        if self.part.shadow and self.candidate is not None:
            wanted.add(self.candidate.desired.digest)
        if self.wish is not None:
            wanted.add(self.wish.desired.digest)
        return wanted

    @property
    def chosen(self) -> tuple[str, ...]:
        """Digests of what somebody wants here."""
        return tuple(wish.desired.digest for wish in (self.wish, self.candidate) if wish is not None)

    @property
    def due_times(self) -> list[float]:
        """When something is to be tried again, of the monotonic clock. What is due by now waits for something else."""
        wishes = [wish for wish in (self.wish, self.candidate) if wish is not None]
        return [wish.due_at for wish in wishes if wish.due_at is not None and not wish.is_due]
