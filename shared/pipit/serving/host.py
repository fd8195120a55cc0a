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
from functools import partial
from time import monotonic

from pipit.errors import NotFound, Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.proving import Overtaken, StepFailed
from pipit.rpc.server import status_of
from pipit.serving.host_meters import OVERTAKEN, HostMeters
from pipit.serving.loading import FAULT, SIGNATURE, Attempt, Desired, ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.replaced import ReplacedModels
from pipit.serving.trust import TrustAlarm
from pipit.serving.types import ModelState, ModelStatus
from pipit.serving.wishes import Wish, is_tried_again, told

_LAST_LEASES = 5.0
"""Seconds that a stop waits for requests that still hold the network."""

_log = get_logger(__name__)


def _nothing() -> None:
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
        self._loader = loader
        self._meters = HostMeters(task, device, metrics)
        self._trust = TrustAlarm(task, loader.trusts, metrics, stops=stops_untrusted)
        self._on_change = on_change
        self._changed = threading.Condition()
        self._current: LoadedModel | None = None
        self._wish: Wish | None = None
        self._first: tuple[Desired, ...] = ()
        self._attempt: Attempt | None = None
        self._settled = False
        self._lift = ""
        self._trial_seconds = trial_seconds
        self._on_trial: tuple[Desired, float] | None = None
        self._reason = "no version is known yet"
        self._on_freed: Callable[[], None] = _nothing
        self._stops_untrusted = stops_untrusted
        self._replaced = ReplacedModels(self._changed)
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
            self._wish = None
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def start_with(self, *desired: Desired) -> None:
        """What answered here before, the best first; called at most once, before anything is desired.

        The first of them that can be loaded answers, whatever is desired meanwhile, until that can take its place.
        """
        if desired:
            with self._changed:
                self._wish, self._first = Wish(desired[0]), desired
                self._changed.notify_all()

    def desire(self, desired: Desired) -> None:
        """Asks for a version; returns at once. The same one again changes nothing.

        Ends what is under way to another one.
        """
        with self._changed:
            # What is held against other versions is forgotten: somebody has chosen anew.
            self._lift = desired.digest
            if self._settled or (self._wish is not None and desired == self._wish.desired):
                return
            overtaken = self._attempt
            if overtaken is not None and (overtaken.desired == desired or overtaken.desired in self._first):
                overtaken = None
            self._wish = Wish(desired)
            if self._current is not None and self._current.identity.digest == desired.digest:
                self._reason = ""
            self._changed.notify_all()
        if overtaken is not None:
            overtaken.cancel()
        self._meters.show_desired(desired)

    def recheck(self) -> None:
        """Says that other keys are trusted than before, or may be; returns at once."""
        with self._changed:
            if self._wish is not None:
                self._wish.lift(SIGNATURE)
            self._changed.notify_all()

    def explain(self, reason: str) -> None:
        """Says why nothing is desired, for people."""
        with self._changed:
            if self._wish is None:
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
            failed = not at_work and (self._wish is None or self._wish.is_refused)
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
                if self._settled or not self._is_wanted(desired):
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
        self._replaced.wait_all_drained(_LAST_LEASES)
        self._free_drained()

    def _is_wanted(self, desired: Desired) -> bool:
        return self._is_wish(desired) or desired in self._first

    def _is_wish(self, desired: Desired) -> bool:
        return self._wish is not None and self._wish.desired is desired

    def _fail(self, attempt: Attempt, error: BaseException) -> None:
        desired = attempt.desired
        if attempt.cancelled.is_set() or isinstance(error, Overtaken):
            self._meters.count_load(OVERTAKEN)
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
                    if self._wish is not None:
                        self._wish.begin()
                    return desired

    def _has_work(self) -> bool:
        waits = self._replaced.any_drained or self._to_load() is not None or self._trust.is_due(self._current)
        return self._stopping or bool(self._lift) or waits

    def _longest_wait(self) -> float | None:
        times = [] if self._wish is None or self._wish.due_at is None else [self._wish.due_at]
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
        if self._wish is None or not self._wish.is_due:
            return None
        desired = self._wish.desired
        current = self._current
        active = current is not None and current.identity.digest == desired.digest and self._loader.trusts(current)
        return None if active else desired

    def _judge(self) -> None:
        """Stops, where what answers was signed by a key that is trusted no more, and the settings say so."""
        model = self._current
        change = self._trust.judge(model)
        if model is None or not change:
            return
        if change == "regained":
            with self._changed:
                if self._wish is not None and self._wish.desired.digest == model.identity.digest:
                    self._reason = ""
        elif self._stops_untrusted:
            self._swap_pointer(None, _nothing)
            with self._changed:
                self._reason = (
                    f"version {model.identity.version} was stopped: nobody who is trusted here signed it "
                    f"({model.signed_by}); sign it with another key (pipit keys sign), or publish another version"
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
        self._tell(partial(self._meters.count_swap, proof), desired.version)
        _log.info(
            "model_active",
            task=self.task,
            version=desired.version,
            digest=desired.digest,
            deviation=proof.deviation,
        )
        self._tell(desired.on_active, desired.version)

    def _swap_pointer(self, model: LoadedModel | None, on_freed: Callable[[], None]) -> None:
        """From here on `model` answers. The one before serves those who hold a lease, then it is freed."""
        with self._changed:
            old, self._current = self._current, model
            if model is None:
                self._reason = "it was stopped"
            elif self._wish is None or not self._wish.is_refused:
                self._reason = ""
            old_files, self._on_freed = self._on_freed, on_freed
            self._attempt = None
        self._on_trial = None
        if old is not None and (model is None or model.identity.digest != old.identity.digest):
            # It goes in order.
            self._tell(partial(self._loader.trials.leave, self.task, old.identity.digest), old.identity.version)
        version = self._active_version()
        self._tell(partial(self._meters.show_active, model), version)
        self._tell(self._on_change, version)
        if old is not None:
            self._replaced.add(old, old_files)

    def _free_drained(self) -> None:
        for replaced in self._replaced.take_drained():
            identity = replaced.model.identity
            self._tell(replaced.model.close, identity.version)
            if self._current is None or self._current.identity.digest != identity.digest:
                self._tell(replaced.on_freed, identity.version)
            self._meters.count_freed(identity.version, monotonic() - replaced.since, self._active_version())
            _log.info("model_freed", task=self.task, version=identity.version)

    def _active_version(self) -> str:
        return "" if self._current is None else self._current.identity.version

    def _keep_reason(self, desired: Desired, step: str, error: BaseException) -> None:
        _, message = status_of(error, f"{self.task} {step}")
        with self._changed:
            self._reason = told(desired, step, message)
            if self._wish is not None and self._is_wish(desired):
                self._wish.fail(step)
        self._meters.count_load(step)
        event = "model_not_loaded" if is_tried_again(step) else "model_refused"
        _log.warning(event, task=self.task, version=desired.version, step=step, reason=message)
        self._tell(self._on_change, desired.version)
