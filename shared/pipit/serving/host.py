"""One task of the server: which version answers, and how the next one takes its place.

orders    what it was told, and what goes on about that
agenda    what of it comes next
ways      from a wish to a version that answers, is proven for later, or runs in the shadow
loading   the steps of these ways
loaded    what is open: what answers, what stands by, what is freed with its last lease

What a key signed that is trusted no more is loaded anew, for another key may have signed it since; if that fails, it
goes on answering with an alarm, or stops, as the settings say.

A newer desire overtakes an older one, whether that waits to be tried again or is under way: a download is cancelled, a
proof ends with its process. What the server starts with, from its disk, is overtaken while nothing answers only by what
lies there as well. Requests take a lease on the version that answers them, so that none fails because of a swap: who
began with the old version ends with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from pipit.errors import NotFound, Unavailable
from pipit.metrics import Metrics
from pipit.proving import MEMORY, memory_is_short
from pipit.serving.attempts import Attempt, Desired, Part, Purpose
from pipit.serving.host_meters import HostMeters
from pipit.serving.loaded import LoadedVersions, nothing, tell
from pipit.serving.loading import ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.orders import Orders
from pipit.serving.trust import TrustAlarm
from pipit.serving.types import ModelState, ModelStatus
from pipit.serving.ways import Ways

if TYPE_CHECKING:
    from pipit.fleet import TaskReport

_LAST_LEASES = 5.0
"""Seconds that a stop waits for requests that still hold the network."""
_LOOK_AT_MEMORY = 5.0
"""Seconds between looks at what is free, while something is kept loaded that does not answer."""

_NO_PART = Part()
_PATIENT = (Purpose.PREFETCH, Purpose.SHADOW)
"""Nobody waits for these."""


def _no_replay(model: LoadedModel, cancelled: threading.Event) -> None:
    pass


def _no_shadow(model: LoadedModel | None) -> None:
    pass


class ModelHost:
    """Keeps one task answering."""

    def __init__(
        self,
        task: str,
        environment: str,
        device: str,
        loader: ModelLoader,
        metrics: Metrics,
        on_change: Callable[[], None] = nothing,
        trial_seconds: float = 60.0,
        *,
        stops_untrusted: bool = False,
        keeps_standby: bool = True,
    ) -> None:
        """on_change: called after the task began or ceased to answer, or the version changed.

        trial_seconds: how long a version must answer to count as good here.
        stops_untrusted: a version whose key is trusted no more ceases to answer.
        keeps_standby: where memory allows; else a version that is left is freed, whatever a rollout says.
        """
        self.task = task
        self.environment = environment
        self.before_swap: Callable[[LoadedModel, threading.Event], None] = _no_replay
        """Called in a rollout, of a version that is to take the place of another: not of one that is gone back to. Has
        to end by itself before long, and at once when the event is set: the version is wanted no more."""
        self.on_shadow: Callable[[LoadedModel | None], None] = _no_shadow
        """Told the candidate that is to run in the shadow from now on; None: that is over. Each run takes a lease."""
        self._loader = loader
        self._meters = HostMeters(task, device, metrics)
        self._trust = TrustAlarm(task, loader.trusts, metrics, stops=stops_untrusted)
        self._on_change = on_change
        self._orders = Orders()
        self._loaded = LoadedVersions(
            task,
            loader,
            self._meters,
            self._orders.changed,
            self._tell_change,
            self._tell_shadow,
            trial_seconds,
            keeps_standby=keeps_standby,
        )
        self._ways = Ways(task, loader, self._loaded, self._orders, self._meters, self._tell_change, self._replay)
        self._stops_untrusted = stops_untrusted
        self._thread = threading.Thread(target=self._work, name=f"host {task}", daemon=True)

    def start(self) -> None:
        """Begins to follow what is desired."""
        self._thread.start()

    def settle(self) -> None:
        """Begins to stop: goes on answering, but loads nothing more, and ends what is under way."""
        self._orders.settle()

    def stop(self, timeout: float = 5.0) -> None:
        """Stops answering and frees the network, once its leases are back or after `timeout` seconds."""
        self.settle()
        self._orders.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def start_with(self, *desired: Desired) -> None:
        """What answered here before, the best first; called at most once, before anything is desired.

        The first of them that can be loaded answers, whatever is desired meanwhile, until that can take its place.
        """
        if desired:
            self._orders.start_with(desired)

    def desire(self, desired: Desired, part: Part = _NO_PART) -> None:
        """Asks for a version; returns at once. The same one again changes nothing, unless its part in a rollout does.

        Ends what is under way to another one.
        """
        if self._orders.desire(desired, part, self._loaded.digest, self._loaded.before):
            self._meters.show_desired(desired)

    def recheck(self) -> None:
        """Says that other keys are trusted than before, or may be; returns at once.

        What answers and was trusted until now does not wait for what is under way, which may take minutes: that is
        taken up again. A version that is to answer is interrupted only where this one must not go on meanwhile.
        """
        self._orders.recheck()
        model = self._loaded.current
        if model is not None and self._trust.is_due(model) and not self._loader.trusts(model):
            self._orders.give_way(tuple(Purpose) if self._stops_untrusted else _PATIENT, model.identity.digest)

    def explain(self, reason: str) -> None:
        """Says why nothing is desired, for people."""
        self._orders.explain(reason)

    def refuse(self, reason: str) -> None:
        """Says why something was not even desired, for people, until something is."""
        self._orders.refuse(reason)

    def lease(self, version: str = "", environment: str = "") -> LoadedModel:
        """The model that answers now; `release` it.

        Raises Unavailable while there is none, NotFound if it is not of that version or environment.
        """
        if environment and environment != self.environment:
            raise NotFound(f"{self.task} is served from environment {self.environment!r} here, not {environment!r}")
        while True:
            model = self._loaded.current
            if model is None:
                raise Unavailable(f"{self.task} does not answer yet ({self._orders.why}); try again later")
            if version and version != model.identity.version:
                raise NotFound(f"{self.task} {version} is not served here; {model.identity.version} is")
            if model.acquire():
                return model

    def is_current(self, model: LoadedModel) -> bool:
        """Whether this is the version that answers now."""
        return self._loaded.current is model

    @property
    def current(self) -> LoadedModel | None:
        """What answers now, without a lease: it may be freed at any time."""
        return self._loaded.current

    @property
    def is_serving(self) -> bool:
        """Whether the task answers."""
        return self._loaded.current is not None

    @property
    def part(self) -> Part:
        """The device's part in a rollout, as it was told last."""
        return self._orders.agenda.part

    def status(self) -> ModelStatus:
        """The task's state, with its reason."""
        with self._orders.changed:
            model, reason, failed = self._loaded.current, self._orders.why, self._orders.is_failed
        if model is None:
            state = ModelState.NOT_SERVING if failed else ModelState.LOADING
            return ModelStatus(self.task, self.environment, state, reason)
        manifest = model.manifest
        return ModelStatus(
            self.task,
            self.environment,
            ModelState.SERVING,
            f"{reason}; {model.identity.version} goes on answering" if reason else "",
            model.identity,
            manifest.labels,
            manifest.input.kind,
            model.signed_by,
        )

    def report(self) -> TaskReport:
        """What the registry is told of it."""
        # Who follows no registry has no use for it; it takes time and memory.
        from pipit.serving.task_report import task_report  # noqa: PLC0415

        with self._orders.changed:
            model, agenda = self._loaded.current, self._orders.agenda
            proof = None if model is None else self._loader.proof(model.identity.digest)
            return task_report(
                self.task,
                agenda,
                None if model is None else model.identity,
                self._orders.reason if agenda.wish is None or not agenda.wish.reason else agenda.wish.reason,
                is_failed=self._orders.is_failed,
                active_seconds=0.0 if model is None else monotonic() - self._loaded.since,
                deviation=None if proof is None else proof.deviation,
                standby=bool(agenda.part.standby) and agenda.part.standby in self._loaded.beside,
            )

    def _work(self) -> None:
        while (attempt := self._next()) is not None:
            self._ways.go(attempt)
        self._loaded.drop_beside(())
        self._ways.stop_answering()
        self._loaded.replaced.wait_all_drained(_LAST_LEASES)
        self._loaded.free_drained()

    def _tell_change(self) -> None:
        self._on_change()

    def _replay(self, model: LoadedModel, cancelled: threading.Event) -> None:
        self.before_swap(model, cancelled)

    def _tell_shadow(self, model: LoadedModel | None) -> None:
        self.on_shadow(model)

    def _tell(self, callback: Callable[[], object], version: str) -> None:
        tell(callback, self.task, version)

    def _next(self) -> Attempt | None:
        """Waits for something to do, freeing what has drained meanwhile. None: stop."""
        while True:
            self._loaded.free_drained()
            self._loaded.end_trial()
            self._lift_refusals()
            self._judge()
            self._drop_beside()
            with self._orders.changed:
                self._orders.changed.wait_for(self._has_work, self._longest_wait())
                if self._orders.is_stopping:
                    return None
                if (attempt := self._orders.take(self._to_do)) is not None:
                    return attempt

    def _has_work(self) -> bool:
        loaded = self._loaded
        waits = loaded.replaced.any_drained or self._to_do() is not None or self._trust.is_due(loaded.current)
        waits = waits or bool(loaded.beside.besides(self._orders.agenda.beside))
        return self._orders.is_stopping or self._orders.was_chosen_anew or waits

    def _longest_wait(self) -> float | None:
        times = self._orders.agenda.due_times
        times += [self._loaded.on_trial[1]] if self._loaded.on_trial is not None else []
        times += [monotonic() + _LOOK_AT_MEMORY] if self._loaded.beside else []
        return min(times) - monotonic() if times else None

    def _to_do(self) -> Attempt | None:
        current, candidate = self._loaded.current, self._orders.agenda.candidate
        active = None
        if current is not None:
            active = current.identity.digest if self._loader.trusts(current) else ""
        # A candidate may answer already: after another version than it was promoted, and was refused here.
        has_shadow = candidate is not None and self._loaded.has(candidate.desired.digest)
        # The disk keeps one version that has yet to show that the server lives with it.
        may_shadow = self._loaded.on_trial is None
        attempt = self._orders.agenda.next(active, has_shadow=has_shadow, may_shadow=may_shadow)
        # Nothing but the same version, signed by somebody else, goes before what is to be said of its trust.
        return None if self._trust.is_due(current) and not self._is_loaded_anew(attempt) else attempt

    def _is_loaded_anew(self, attempt: Attempt | None) -> bool:
        """Whether this leads to what answers, for another key may have signed it since."""
        is_same = attempt is not None and attempt.desired.digest == self._loaded.digest
        return attempt is not None and is_same and attempt.purpose is Purpose.ANSWER

    def _lift_refusals(self) -> None:
        if chosen := self._orders.take_chosen():
            self._tell(partial(self._loader.trials.lift, self.task, *chosen), "")

    def _judge(self) -> None:
        """Stops, where what answers was signed by a key that is trusted no more, and the settings say so."""
        model = self._loaded.current
        # Before it is looked whether it is loaded anew: what is due only after that waits for the next look.
        if model is not None and not self._trust.is_due(model):
            return
        with self._orders.changed:
            if self._is_loaded_anew(self._to_do()):
                return
        change = self._trust.judge(model)
        if model is None or not change:
            return
        if change == "regained":
            wish = self._orders.agenda.wish
            if wish is not None and wish.desired.digest == model.identity.digest:
                self._orders.refuse("")
        elif self._stops_untrusted:
            self._ways.stop_answering()
            # What is fetched next may take minutes.
            self._trust.judge(None)
            self._orders.refuse(
                f"version {model.identity.version} was stopped: nobody who is trusted here signed it "
                f"({model.signed_by}); sign it with another key (pipit keys sign), or publish another version"
            )

    def _drop_beside(self) -> None:
        """Frees what stands beside and need not; where memory is short, all but what is to answer next."""
        agenda = self._orders.agenda
        with self._orders.changed:
            stays = agenda.beside
            if self._loaded.beside and memory_is_short():
                stays = stays.intersection(agenda.chosen[:1])
                if agenda.candidate is not None and agenda.candidate.desired.digest in self._loaded.beside:
                    agenda.candidate.fail(MEMORY, "too little memory is free to keep a second version loaded")
        self._loaded.drop_beside(stays)
