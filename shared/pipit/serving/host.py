"""One task of the server: which version answers, and how the next one takes its place.

    desire ──> fetch ──> verify ──> trial ──> prove ──> open ──> swap pointer ──> drain old ──> free
                 │          │         │         │        │             └──a minute──> good
                 │          └─────────┴─refused─┴────────┘
                 │                        └──> the old version goes on serving; the reason is kept
                 └──out of reach──> the old version goes on; tried again, ever less often
    too little memory is free, or a fault of the server's own, at whatever step: the same

What a key signed that is trusted no more is loaded anew, for another key may have signed it since; if that fails, it
goes on answering with an alarm, or stops, as the settings say.

What a step raises is a StepFailed; any other error is a fault of the server's own. What is told to others (that the
version changed, that files are free) is told and not asked: if they fail, it is logged, and the task goes on.

A newer desire overtakes an older one, whether that waits to be tried again or is under way: a download is cancelled, a
proof ends with its process. What the server starts with, from its disk, is not overtaken while nothing answers.
Requests take a lease on the version that answers them, so that none fails because of a swap: who began with the old
version ends with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic

from pipit.errors import NotFound, Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.proving import MEMORY, Overtaken, Proof, StepFailed
from pipit.rpc.server import status_of
from pipit.serving.loading import FAULT, SIGNATURE, STEPS, Attempt, Desired, ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.types import ModelState, ModelStatus

_FIRST_RETRY = 1.0
_LAST_RETRY = 60.0
_LAST_LEASES = 5.0
"""All in seconds; the last: how long a stop waits for requests that still hold the network."""

OVERTAKEN = "overtaken"
"""The outcome of a version that was wanted no more before it could answer."""

_TRIED_AGAIN = {
    "fetch": "can't be fetched and will be tried again",
    MEMORY: "found too little memory here and will be tried again",
    FAULT: "could not be loaded, by a fault of this server, and will be tried again",
}
"""What is said of a step whose failure says nothing of the bundle."""

_log = get_logger(__name__)


def _nothing() -> None:
    pass


def _show_zeros(metrics: Metrics, task: str) -> None:
    """A counter that appears with its first event hides that event from Prometheus, which sees no increase."""
    metrics.gauge("pipit_model_ready").labels(task).set(0)
    metrics.gauge("pipit_model_untrusted").labels(task).set(0)
    metrics.counter("pipit_golden_failures_total").labels(task)
    for outcome in ("swapped", OVERTAKEN, *STEPS, FAULT):
        metrics.counter("pipit_model_loads_total").labels(task, outcome)


@dataclass(frozen=True, slots=True, eq=False)
class _Retired:
    """A version that was replaced. since: of the monotonic clock."""

    model: LoadedModel
    since: float
    on_freed: Callable[[], None]


class ModelHost:
    """Keeps one task answering."""

    def __init__(
        self,
        task: str,
        environment: str,
        device: str,
        loader: ModelLoader,
        metrics: Metrics,
        on_change: Callable[[], None] = _nothing,
        trial_seconds: float = 60.0,
        *,
        stops_untrusted: bool = False,
    ) -> None:
        """on_change: called after the task began or ceased to answer, or the version changed.

        trial_seconds: how long a version must answer to count as good here.
        stops_untrusted: a version whose key is trusted no more ceases to answer.
        """
        self.task = task
        self.environment = environment
        self._device = device
        self._loader = loader
        self._metrics = metrics
        self._on_change = on_change
        _show_zeros(metrics, task)
        self._changed = threading.Condition()
        self._current: LoadedModel | None = None
        self._desired: Desired | None = None
        self._first: tuple[Desired, ...] = ()
        self._attempt: Attempt | None = None
        self._settled = False
        self._lift = ""
        self._refused: Desired | None = None
        self._trial_seconds = trial_seconds
        self._on_trial: tuple[Desired, float] | None = None
        self._refused_step = ""
        self._retry_at = 0.0
        self._retry_after = _FIRST_RETRY
        self._reason = "no version is known yet"
        self._on_freed: Callable[[], None] = _nothing
        self._stops_untrusted = stops_untrusted
        self._retired: list[_Retired] = []
        self._past_version = ""
        self._untrusted = False
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=f"host {task}", daemon=True)

    def start(self) -> None:
        """Begins to follow what is desired."""
        self._thread.start()

    def settle(self) -> None:
        """Begins to stop: goes on answering, but loads nothing more, and ends what is under way."""
        with self._changed:
            self._settled = True
            attempt = self._attempt
        if attempt is not None:
            attempt.cancel()

    def stop(self, timeout: float = 5.0) -> None:
        """Stops answering and frees the network, once its leases are back or after `timeout` seconds."""
        self.settle()
        with self._changed:
            self._stopping = True
            self._desired = None
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def start_with(self, *desired: Desired) -> None:
        """What answered here before, the best first; called at most once, before anything is desired.

        The first of them that can be loaded answers, whatever is desired meanwhile, until that can take its place.
        """
        if desired:
            with self._changed:
                self._desired, self._first = desired[0], desired
                self._changed.notify_all()

    def desire(self, desired: Desired) -> None:
        """Asks for a version; returns at once. The same one again changes nothing.

        Ends what is under way to another one.
        """
        with self._changed:
            # What is held against other versions is forgotten: somebody has chosen anew.
            self._lift = desired.digest
            if desired == self._desired or self._settled:
                return
            overtaken = self._attempt
            if overtaken is not None and (overtaken.desired == desired or overtaken.desired in self._first):
                overtaken = None
            self._desired = desired
            self._refused = None
            self._retry_at, self._retry_after = 0.0, _FIRST_RETRY
            if self._current is not None and self._current.identity.digest == desired.digest:
                self._reason = ""
            self._changed.notify_all()
        if overtaken is not None:
            overtaken.cancel()
        self._metrics.gauge("pipit_model_desired_info").remove_by_labels({"task": self.task})
        self._metrics.gauge("pipit_model_desired_info").labels(
            self.task, self._device, desired.version, desired.digest
        ).set(1)

    def recheck(self) -> None:
        """Says that other keys are trusted than before, or may be; returns at once."""
        with self._changed:
            if self._refused_step == SIGNATURE:
                self._refused = None
            self._changed.notify_all()

    def explain(self, reason: str) -> None:
        """Says why nothing is desired, for people."""
        with self._changed:
            if self._desired is None:
                self._reason = reason

    def refuse(self, reason: str) -> None:
        """Says why something was not even desired, for people, until something is."""
        with self._changed:
            self._reason = reason

    def lease(self, version: str = "", environment: str = "") -> LoadedModel:
        """The model that answers now; `release` it.

        Raises Unavailable while there is none, NotFound if it is not of that version or environment.
        """
        if environment and environment != self.environment:
            raise NotFound(f"{self.task} is served from environment {self.environment!r} here, not {environment!r}")
        while True:
            model = self._current
            if model is None:
                raise Unavailable(f"{self.task} does not answer yet ({self._why()}); try again later")
            if version and version != model.identity.version:
                raise NotFound(f"{self.task} {version} is not served here; {model.identity.version} is")
            if model.acquire():
                return model

    def is_current(self, model: LoadedModel) -> bool:
        """Whether this is the version that answers now."""
        return self._current is model

    @property
    def is_serving(self) -> bool:
        """Whether the task answers."""
        return self._current is not None

    def status(self) -> ModelStatus:
        """The task's state, with its reason."""
        with self._changed:
            model, reason = self._current, self._why()
            at_work = self._attempt is not None and not self._attempt.cancelled.is_set()
            failed = not at_work and (self._desired is None or self._refused is self._desired)
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

    def _why(self) -> str:
        """What goes on, or else what went wrong."""
        attempt = self._attempt
        return self._reason if attempt is None or attempt.cancelled.is_set() else str(attempt)

    def _work(self) -> None:
        while (desired := self._next()) is not None:
            attempt = Attempt(desired)
            with self._changed:
                self._attempt = attempt
                if self._settled or (desired is not self._desired and desired not in self._first):
                    attempt.cancel()
            try:
                self._swap_in(attempt)
            except BaseException as error:  # Even what would end a thread: this one must go on.
                self._fail(attempt, error)
            finally:
                with self._changed:
                    self._attempt = None
                    # On to the next of those to start with, unless one of them answers.
                    self._first = () if self._current is not None else self._first[1:]
        self._swap_pointer(None, _nothing)
        with self._changed:
            self._changed.wait_for(lambda: all(retired.model.is_drained for retired in self._retired), _LAST_LEASES)
        self._free_drained()

    def _fail(self, attempt: Attempt, error: BaseException) -> None:
        desired = attempt.desired
        if attempt.cancelled.is_set() or isinstance(error, Overtaken):
            self._metrics.counter("pipit_model_loads_total").labels(self.task, OVERTAKEN).inc()
            _log.info("model_overtaken", task=self.task, version=desired.version)
        elif isinstance(error, StepFailed):
            self._keep_reason(desired, error.step, error.error)
        else:
            self._keep_reason(desired, FAULT, error)
        self._let_go(desired)

    def _let_go(self, desired: Desired) -> None:
        """Says that its files are needed no more, unless they serve: one that was loaded anew may be the same."""
        if self._current is None or self._current.identity.digest != desired.digest:
            self._tell(desired.on_freed, desired.version)

    def _tell(self, callback: Callable[[], object], version: str) -> None:
        """Calls what belongs to somebody else, whose failure is not ours."""
        try:
            callback()
        except BaseException as error:
            _log.error("callback_failed", task=self.task, version=version, exc_info=error)

    def _next(self) -> Desired | None:
        """Waits for a version to load, freeing what has drained meanwhile. None: stop."""
        while True:
            self._free_drained()
            self._end_trial()
            self._lift_refusals()
            self._judge()
            with self._changed:
                self._changed.wait_for(self._has_work, self._longest_wait())
                if self._stopping:
                    return None
                if not self._lift and (desired := self._to_load()) is not None:
                    self._retry_at = 0.0
                    return desired

    def _has_work(self) -> bool:
        waits = self._has_drained() or self._to_load() is not None or self._is_to_judge()
        return self._stopping or bool(self._lift) or waits

    def _longest_wait(self) -> float | None:
        times = [self._retry_at] if self._retry_at else []
        times += [self._on_trial[1]] if self._on_trial is not None else []
        return min(times) - monotonic() if times else None

    def _lift_refusals(self) -> None:
        with self._changed:
            wanted, self._lift = self._lift, ""
        if wanted:
            self._tell(partial(self._loader.trials.lift, self.task, wanted), "")

    def _end_trial(self) -> None:
        """Says that the version that answers is good, once it has answered for long enough."""
        if self._on_trial is not None and monotonic() >= self._on_trial[1]:
            desired, self._on_trial = self._on_trial[0], None
            self._tell(partial(self._loader.trials.confirm, self.task, desired.digest), desired.version)
            self._tell(desired.on_good, desired.version)
            _log.info("model_good", task=self.task, version=desired.version, digest=desired.digest)

    def _to_load(self) -> Desired | None:
        if self._settled:
            return None
        if self._first and self._current is None:
            return self._first[0]
        desired = self._desired
        if desired is None or desired is self._refused or monotonic() < self._retry_at:
            return None
        current = self._current
        active = current is not None and current.identity.digest == desired.digest and self._loader.trusts(current)
        return None if active else desired

    def _is_to_judge(self) -> bool:
        """Whether trust in what answers has come or gone."""
        return self._current is not None and self._loader.trusts(self._current) is self._untrusted

    def _judge(self) -> None:
        """Raises the alarm, or stops, where what answers was signed by a key that is trusted no more."""
        model = self._current
        untrusted = model is not None and not self._loader.trusts(model)
        if untrusted is self._untrusted:
            return
        self._untrusted = untrusted
        self._metrics.gauge("pipit_model_untrusted").labels(self.task).set(untrusted)
        if model is None:
            return
        if not untrusted:
            with self._changed:
                if self._desired is not None and self._desired.digest == model.identity.digest:
                    self._reason = ""
            return
        version, signer = model.identity.version, model.signed_by
        _log.error("model_untrusted", task=self.task, version=version, signed_by=signer, stops=self._stops_untrusted)
        if self._stops_untrusted:
            self._swap_pointer(None, _nothing)
            with self._changed:
                self._reason = (
                    f"version {version} was stopped: nobody who is trusted here signed it ({signer}); sign it with "
                    "another key (pipit keys sign), or publish another version"
                )

    def _swap_in(self, attempt: Attempt) -> None:
        desired = attempt.desired
        model, proof = self._loader.prepare(self.task, attempt)
        if attempt.cancelled.is_set():
            self._tell(partial(self._loader.trials.leave, self.task, desired.digest), desired.version)
            self._tell(model.close, desired.version)
            raise Overtaken
        self._end_trial()
        self._swap_pointer(model, desired.on_freed)
        # It answers from here on, whatever fails: at most, after a start without the registry, the one before it would.
        self._on_trial = desired, monotonic() + self._trial_seconds
        self._tell(partial(self._count_swap, proof), desired.version)
        _log.info(
            "model_active",
            task=self.task,
            version=desired.version,
            digest=desired.digest,
            deviation=proof.deviation,
        )
        self._tell(desired.on_active, desired.version)

    def _count_swap(self, proof: Proof) -> None:
        self._metrics.gauge("pipit_golden_deviation").labels(self.task).set(proof.deviation)
        self._metrics.counter("pipit_model_loads_total").labels(self.task, "swapped").inc()

    def _swap_pointer(self, model: LoadedModel | None, on_freed: Callable[[], None]) -> None:
        """From here on `model` answers. The one before serves those who hold a lease, then it is freed."""
        with self._changed:
            old, self._current = self._current, model
            if model is None:
                self._reason = "it was stopped"
            elif self._desired is None or self._desired is not self._refused:
                self._reason = ""
            if old is not None:
                self._retired.append(_Retired(old, monotonic(), self._on_freed))
            self._on_freed = on_freed
            self._attempt = None
        self._on_trial = None
        if old is not None and (model is None or model.identity.digest != old.identity.digest):
            # It goes in order.
            self._tell(partial(self._loader.trials.leave, self.task, old.identity.digest), old.identity.version)
        version = self._active_version()
        self._tell(partial(self._show_active, model), version)
        self._tell(self._on_change, version)
        if old is not None:
            old.on_drained = self._wake
            old.retire()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _has_drained(self) -> bool:
        return any(retired.model.is_drained for retired in self._retired)

    def _free_drained(self) -> None:
        with self._changed:
            drained = [retired for retired in self._retired if retired.model.is_drained]
            self._retired = [retired for retired in self._retired if retired not in drained]
        drains = self._metrics.histogram("pipit_model_load_seconds").labels(self.task, "drain")
        for retired in drained:
            identity = retired.model.identity
            self._tell(retired.model.close, identity.version)
            if self._current is None or self._current.identity.digest != identity.digest:
                self._tell(retired.on_freed, identity.version)
            drains.observe(monotonic() - retired.since)
            self._forget_before(identity.version)
            _log.info("model_freed", task=self.task, version=identity.version)

    def _forget_before(self, freed: str) -> None:
        """Keeps the series of the version that answers and of the one before."""
        if self._past_version not in {"", freed, self._active_version()}:
            self._metrics.forget(task=self.task, version=self._past_version)
        self._past_version = freed

    def _active_version(self) -> str:
        return "" if self._current is None else self._current.identity.version

    def _show_active(self, model: LoadedModel | None) -> None:
        info = self._metrics.gauge("pipit_model_active_info")
        info.remove_by_labels({"task": self.task})
        self._metrics.gauge("pipit_model_ready").labels(self.task).set(model is not None)
        if model is not None:
            identity = model.identity
            info.labels(self.task, self._device, identity.version, identity.digest, identity.variant).set(1)
            model.meters.show_expectations(model.manifest.expected)

    def _keep_reason(self, desired: Desired, step: str, error: BaseException) -> None:
        _, message = status_of(error, f"{self.task} {step}")
        tried_again = step in _TRIED_AGAIN
        with self._changed:
            failed = _TRIED_AGAIN.get(step, f"was refused at the step {step}")
            self._reason = f"version {desired.version} {failed}: {message}"
            if not tried_again and self._desired is desired:
                self._refused, self._refused_step = desired, step
            elif self._desired is desired:
                self._retry_at = monotonic() + self._retry_after
                self._retry_after = min(self._retry_after * 2, _LAST_RETRY)
        self._metrics.counter("pipit_model_loads_total").labels(self.task, step).inc()
        if step == "golden":
            self._metrics.counter("pipit_golden_failures_total").labels(self.task).inc()
        event = "model_not_loaded" if tried_again else "model_refused"
        _log.warning(event, task=self.task, version=desired.version, step=step, reason=message)
        self._tell(self._on_change, desired.version)
