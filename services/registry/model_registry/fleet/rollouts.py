"""What people and the registry do with rollouts: start, pause, resume, abort, look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.fleet import Rollout, RolloutView
from pipit.registry.types import GateResult

from model_registry import layout
from model_registry.environments import Environments, check_revision
from model_registry.fleet.devices import Devices
from model_registry.fleet.moments import Moments
from model_registry.fleet.stands import Stands
from model_registry.pointer import Pointer
from model_registry.promotions import Checked, check_reason
from model_registry.rollouts.document import RolloutRecord, WhenSilent, new_id
from model_registry.rollouts.expected import Expected, expected_of
from model_registry.rollouts.explain import ended_for_people, view_for_people
from model_registry.rollouts.order import canaries, order_of, salt_of
from model_registry.rollouts.settings import RuleBook
from model_registry.rollouts.view import View, view_of
from model_registry.versions import Versions

NOW = "now"
"""The profile of a rollout that is none."""
_MOST_LISTED = 100
_MOST_FIRST = 100
_WHEN_SILENT: dict[str, WhenSilent] = {"": "pause", "pause": "pause", "advance": "advance", "abort": "abort"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks to be led where; as `StartRolloutRequest`."""

    task: str
    version: str
    environment: str
    reason: str = ""
    override_gates: bool = False
    profile: str = ""
    first: Sequence[str] = ()
    when_silent: str = ""
    supersede: bool = False
    shadow: bool = False
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """pointer: what stands there now. moved_at_once: why it was, or empty: a rollout was opened."""

    pointer: Pointer
    moved_at_once: str
    gates: tuple[GateResult, ...]


class Rollouts:
    """Threads may share it."""

    def __init__(
        self,
        environments: Environments,
        versions: Versions,
        stands: Stands,
        devices: Devices,
        rules: RuleBook,
        moments: Moments,
    ) -> None:
        self._environments = environments
        self._versions = versions
        self._stands = stands
        self._devices = devices
        self._rules = rules
        self._moments = moments
        self._expected: dict[tuple[str, str], Expected] = {}

    def start(self, wish: Wish, actor: str) -> Begun:
        """Opens a rollout, or moves the environment at once where there is nobody to be careful of.

        Raises what `Environments.promote` does, RolloutOpen, InvalidInput for a device that was not seen, Unavailable
        where this copy does not know the devices yet.
        """
        layout.check_environment(wish.environment)
        profile, when_silent = wish.profile or "fast", _when_silent(wish.when_silent)
        stages = () if profile == NOW else self._rules.of(wish.task).stages_of(profile)
        if len(wish.first) > _MOST_FIRST:
            raise InvalidInput(f"{len(wish.first)} devices to begin with; name at most {_MOST_FIRST}")
        checked = self._environments.promotions.check(
            wish.task, wish.version, wish.environment, wish.override_gates, wish.reason
        )
        # Asked first: what is read after `having` is not in what it gives.
        complete, present = self._devices.complete, self._devices.having(wish.environment, wish.task)
        at, identity = self._environments.now(), new_id(self._environments.now())
        salt = salt_of(identity, profile)
        order = order_of(present, salt, wish.first, (name for name, online in present.items() if not online))
        why: list[str] = []

        def move(pointer: Pointer) -> Pointer:
            why[:] = [_at_once(pointer, checked, profile)]
            if not why[0] and not complete:
                raise Unavailable("this copy of the registry has not read yet which devices there are; try again")
            if not why[0] and not order:
                seen = f"No device with this task was seen in {pointer.name} in the last 24 hours"
                why[0] = f"{seen}: nobody is there to try it."
            check_revision(pointer, wish.expected_revision)
            if pointer.rollout is not None and wish.supersede:
                pointer = pointer.rollout_superseded(actor, at, f"{checked.target.version} takes its place")
            if why[0]:
                return pointer.promoted(
                    checked.target.version, checked.target.digest, actor, at, wish.reason, checked.overridden
                )
            return pointer.rollout_started(
                RolloutRecord(
                    id=identity,
                    from_version=pointer.version,
                    from_digest=pointer.digest,
                    to_version=checked.target.version,
                    to_digest=checked.target.digest,
                    state="prefetching",
                    stages=stages,
                    started_at=at,
                    stage_since=at,
                    waits_since=at,
                    by=actor,
                    reason=wish.reason,
                    gates_overridden=checked.overridden,
                    profile=profile,
                    rules=self._rules.of(wish.task).name,
                    when_silent=when_silent,
                    shadow=wish.shadow,
                    salt=salt,
                    order=order,
                )
            )

        pointer = self._environments.change(wish.task, wish.environment, move)
        return Begun(pointer, why[0], checked.gates)

    def pause(self, task: str, environment: str, actor: str, reason: str) -> Pointer:
        """Raises NotFound where none is open, Conflict where somebody paused it already."""
        return self._change(task, environment, reason, lambda stands, at: stands.rollout_paused(actor, at, reason))

    def resume(self, task: str, environment: str, actor: str, reason: str, advance: bool) -> Pointer:
        """Raises NotFound where none is open, Conflict where it is not paused."""
        return self._change(
            task, environment, reason, lambda stands, at: stands.rollout_resumed(actor, at, reason, advance)
        )

    def abort(self, task: str, environment: str, actor: str, reason: str) -> Pointer:
        """Raises NotFound where none is open."""
        return self._change(task, environment, reason, lambda stands, at: stands.rollout_aborted(actor, at, reason))

    def get(self, task: str, environment: str, identity: str) -> RolloutView:
        """identity: empty: the open one, or else the last one. Raises NotFound."""
        pointer = self._environments.get(task, environment)
        self._stands.offer(pointer)
        for rollout in (pointer.rollout, pointer.last_rollout):
            if rollout is not None and identity in {"", rollout.id}:
                return self._seen(pointer, rollout, pointer.revision)
        if not identity:
            raise NotFound(f"there was no rollout of {task} in {environment} yet; `pipit rollout start` opens one")
        closed = self._environments.closed.get(task, identity)
        if closed.environment != environment:
            raise NotFound(f"rollout {identity} of {task} was in {closed.environment}, not in {environment}")
        return self._seen(pointer, closed.rollout, closed.revision)

    def list(self, task: str, environment: str, only_open: bool, may_ask: Callable[[str], bool]) -> tuple[Rollout, ...]:
        """Open ones, then those that have ended, newest first. task, environment: empty for all."""
        found = [
            rollout
            for pointer in self._opened(task)
            if environment in {"", pointer.name} and may_ask(pointer.task) and (rollout := plain(pointer)) is not None
        ]
        found.sort(key=lambda rollout: rollout.id, reverse=True)
        if not only_open:
            found += islice(self._ended(task, environment, may_ask), _MOST_LISTED)
        return tuple(found)

    def view(self, pointer: Pointer, rollout: RolloutRecord) -> View:
        """What can be seen of it now."""
        fleet, now = self._devices.fleet(pointer.name), self._moments.of(rollout)
        return view_of(rollout, pointer.task, fleet, now, self._rules.of(pointer.task))

    def expected(self, task: str, rollout: RolloutRecord) -> Expected:
        """What the version that it leads to promises of itself. Raises NotFound, Unavailable."""
        place = (task, rollout.to_version)
        if place not in self._expected:
            document = self._versions.get(*place)
            self._expected[place] = expected_of(self._versions.manifest(document)[1])
        return self._expected[place]

    def _seen(self, pointer: Pointer, rollout: RolloutRecord, revision: int) -> RolloutView:
        view = self.view(pointer, rollout)
        if rollout.is_open:
            return view_for_people(view, pointer.name, revision, self.expected(pointer.task, rollout))
        return ended_for_people(view, pointer.name, revision)

    def _change(
        self, task: str, environment: str, reason: str, change: Callable[[Pointer, datetime], Pointer]
    ) -> Pointer:
        check_reason(reason)
        self._environments.get(task, environment)
        at = self._environments.now()
        return self._environments.change(task, environment, lambda pointer: change(pointer, at))

    def _opened(self, task: str) -> Iterator[Pointer]:
        for named in self._environments.list(task):
            pointer = self._environments.pointer(named.task, named.name)
            if pointer.rollout is not None:
                yield pointer

    def _ended(self, task: str, environment: str, may_ask: Callable[[str], bool]) -> Iterator[Rollout]:
        for closed in self._environments.closed.newest(task, may_ask):
            if environment in {"", closed.environment}:
                yield closed.rollout.plain(closed.task, closed.environment, closed.revision, ())


def plain(pointer: Pointer) -> Rollout | None:
    """The open rollout, or else the last one, as plain data; None: there was none."""
    rollout = pointer.rollout or pointer.last_rollout
    if rollout is None:
        return None
    return rollout.plain(pointer.task, pointer.name, pointer.revision, canaries(rollout))


def _at_once(pointer: Pointer, checked: Checked, profile: str) -> str:
    """Why nobody is led, whoever is there; empty: for no such reason."""
    if profile == NOW:
        return f"The profile is {NOW}: every device was told at once."
    if not pointer.version:
        return f"Nothing was promoted to {pointer.name} before, so there is no version to go back to."
    if (pointer.version, pointer.digest) == (checked.target.version, checked.target.digest):
        return f"{pointer.name} points to {pointer.version} already."
    return ""


def _when_silent(text: str) -> WhenSilent:
    if text not in _WHEN_SILENT:
        raise InvalidInput(f"{text[:40]!r} is no answer to silence; take advance, pause or abort")
    return _WHEN_SILENT[text]
