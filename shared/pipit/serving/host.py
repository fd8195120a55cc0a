"""One task of the server: which version answers, and how the next one takes its place.

    desire ──> fetch ──> verify ──> trial ──> prove ──> open ──> replay ──> swap pointer ──> drain old ──> free
                 │          │         │         │        │                    │    └─a minute──> good
                 │          └─────────┴─refused─┴────────┘                    └─or: old stands by, and is swapped back
                 │                        └──> the old version goes on serving; the reason is kept
                 └──out of reach──> the old version goes on; tried again, ever less often
    too little memory is free, or a fault of the server's own, at whatever step: the same

    candidate ──> fetch ──> verify ──> trial ──> prove: its proof is kept ──> open, where it is to run in the shadow
                  while nothing else is to be done; a newer wish ends it, unless it is for this very version

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
from collections.abc import Callable, Collection
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from pipit.errors import NotFound, Unavailable
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.proving import MEMORY, Overtaken, StepFailed, memory_is_short
from pipit.rpc.server import status_of
from pipit.serving.agenda import Agenda
from pipit.serving.attempts import Attempt, Desired, Part, Purpose
from pipit.serving.beside import Kept, ModelsBeside
from pipit.serving.host_meters import OVERTAKEN, PREFETCHED, HostMeters
from pipit.serving.loading import FAULT, SIGNATURE, ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.replaced import ReplacedModels
from pipit.serving.trust import TrustAlarm
from pipit.serving.types import ModelState, ModelStatus
from pipit.serving.wishes import Wish, is_tried_again, told

if TYPE_CHECKING:
    from pipit.fleet import TaskReport

_LAST_LEASES = 5.0
"""Seconds that a stop waits for requests that still hold the network."""
_LOOK_AT_MEMORY = 5.0
"""Seconds between looks at what is free, while something is kept loaded that does not answer."""

_log = get_logger(__name__)


_NO_PART = Part()


def _nothing() -> None:
    pass


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
        on_change: Callable[[], None] = _nothing,
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
        self._changed = threading.Condition()
        self._agenda = Agenda()
        self._current: LoadedModel | None = None
        self._since = 0.0
        self._before = ""
        self._attempt: Attempt | None = None
        self._chosen_anew = False
        self._trial_seconds = trial_seconds
        self._on_trial: tuple[Desired, float] | None = None
        self._reason = "no version is known yet"
        self._on_freed: Callable[[], None] = _nothing
        self._stops_untrusted = stops_untrusted
        self._keeps_standby = keeps_standby
        self._beside = ModelsBeside()
        self._replaced = ReplacedModels(self._changed)
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=f"host {task}", daemon=True)

    def start(self) -> None:
        """Begins to follow what is desired."""
        self._thread.start()

    def settle(self) -> None:
        """Begins to stop: goes on answering, but loads nothing more, and ends what is under way."""
        with self._changed:
            self._agenda.is_settled = True
            attempt = self._attempt
        if attempt is not None:
            attempt.cancel()

    def stop(self, timeout: float = 5.0) -> None:
        """Stops answering and frees the network, once its leases are back or after `timeout` seconds."""
        self.settle()
        with self._changed:
            self._stopping = True
            self._agenda.wish = None
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def start_with(self, *desired: Desired) -> None:
        """What answered here before, the best first; called at most once, before anything is desired.

        The first of them that can be loaded answers, whatever is desired meanwhile, until that can take its place.
        """
        if desired:
            with self._changed:
                self._agenda.wish, self._agenda.first = Wish(desired[0]), desired
                self._changed.notify_all()

    def desire(self, desired: Desired, part: Part = _NO_PART) -> None:
        """Asks for a version; returns at once. The same one again changes nothing, unless its part in a rollout does.

        Ends what is under way to another one.
        """
        with self._changed:
            # What is held against other versions is forgotten: somebody has chosen anew.
            self._chosen_anew = True
            agenda, attempt = self._agenda, self._attempt
            if agenda.is_settled:
                return
            is_new = agenda.desire(desired, part, self._before)
            goes_on = attempt is not None and agenda.wants(attempt, self._active_digest())
            agenda.renew_candidate(attempt if goes_on else None)
            if self._active_digest() == desired.digest and agenda.wish is not None and not agenda.wish.is_refused:
                self._reason = ""
            self._changed.notify_all()
        if attempt is not None and not goes_on:
            attempt.cancel()
        if is_new:
            self._meters.show_desired(desired)

    def recheck(self) -> None:
        """Says that other keys are trusted than before, or may be; returns at once."""
        with self._changed:
            for wish in (self._agenda.wish, self._agenda.candidate):
                if wish is not None:
                    wish.lift(SIGNATURE)
            self._changed.notify_all()

    def explain(self, reason: str) -> None:
        """Says why nothing is desired, for people."""
        with self._changed:
            if self._agenda.wish is None:
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
    def current(self) -> LoadedModel | None:
        """What answers now, without a lease: it may be freed at any time."""
        return self._current

    @property
    def is_serving(self) -> bool:
        """Whether the task answers."""
        return self._current is not None

    @property
    def part(self) -> Part:
        """The device's part in a rollout, as it was told last."""
        return self._agenda.part

    def status(self) -> ModelStatus:
        """The task's state, with its reason."""
        with self._changed:
            model, reason = self._current, self._why()
            failed = self._under_way() is None and self._agenda.is_failed
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

        with self._changed:
            model, agenda = self._current, self._agenda
            proof = None if model is None else self._loader.proof(model.identity.digest)
            return task_report(
                self.task,
                agenda,
                None if model is None else model.identity,
                self._reason if agenda.wish is None or not agenda.wish.reason else agenda.wish.reason,
                is_failed=self._under_way() is None and agenda.is_failed,
                active_seconds=0.0 if model is None else monotonic() - self._since,
                deviation=None if proof is None else proof.deviation,
                standby=bool(agenda.part.standby) and agenda.part.standby in self._beside,
            )

    def _under_way(self) -> Attempt | None:
        """To a version that is to answer."""
        attempt = self._attempt
        is_wanted = attempt is not None and attempt.purpose is Purpose.ANSWER and not attempt.cancelled.is_set()
        return attempt if is_wanted else None

    def _why(self) -> str:
        """What goes on, or else what went wrong."""
        attempt = self._under_way()
        return self._reason if attempt is None else str(attempt)

    def _work(self) -> None:
        while (attempt := self._next()) is not None:
            try:
                self._go(attempt)
            except BaseException as error:  # Even what would end a thread: this one must go on.
                self._fail(attempt, error)
            finally:
                with self._changed:
                    self._attempt = None
                    if attempt.purpose is Purpose.ANSWER:
                        # On to the next of those to start with, unless one of them answers.
                        self._agenda.first = () if self._current is not None else self._agenda.first[1:]
        self._drop_beside(stays=())
        self._swap_pointer(None, _nothing)
        self._replaced.wait_all_drained(_LAST_LEASES)
        self._free_drained()

    def _go(self, attempt: Attempt) -> None:
        if attempt.purpose is Purpose.ANSWER:
            self._swap_in(attempt)
        elif attempt.purpose is Purpose.PREFETCH:
            self._prefetch(attempt)
        else:
            self._open_shadow(attempt)

    def _fail(self, attempt: Attempt, error: BaseException) -> None:
        desired = attempt.desired
        if attempt.cancelled.is_set() or isinstance(error, Overtaken):
            self._meters.count_load(OVERTAKEN)
            _log.info("model_overtaken", task=self.task, version=desired.version)
        elif isinstance(error, StepFailed):
            self._keep_reason(attempt, error.step, error.error)
        else:
            self._keep_reason(attempt, FAULT, error)
        self._let_go(desired)

    def _let_go(self, desired: Desired) -> None:
        """Says that its files are needed no more, unless it is loaded: one that was loaded anew may be the same."""
        if not self._is_loaded(desired.digest):
            self._tell(desired.on_freed, desired.version)

    def _is_loaded(self, digest: str) -> bool:
        return digest == self._active_digest() or digest in self._beside

    def _tell(self, callback: Callable[[], object], version: str) -> None:
        """Calls what belongs to somebody else, whose failure is not ours."""
        try:
            callback()
        except BaseException as error:
            _log.error("callback_failed", task=self.task, version=version, exc_info=error)

    def _next(self) -> Attempt | None:
        """Waits for something to do, freeing what has drained meanwhile. None: stop."""
        while True:
            self._free_drained()
            self._end_trial()
            self._lift_refusals()
            self._judge()
            self._drop_beside(self._agenda.beside)
            with self._changed:
                self._changed.wait_for(self._has_work, self._longest_wait())
                if self._stopping:
                    return None
                if not self._chosen_anew and (attempt := self._to_do()) is not None:
                    self._agenda.begin(attempt)
                    self._attempt = attempt
                    return attempt

    def _has_work(self) -> bool:
        waits = self._replaced.any_drained or self._to_do() is not None or self._trust.is_due(self._current)
        waits = waits or bool(self._beside.besides(self._agenda.beside))
        return self._stopping or self._chosen_anew or waits

    def _longest_wait(self) -> float | None:
        times = self._agenda.due_times
        times += [self._on_trial[1]] if self._on_trial is not None else []
        times += [monotonic() + _LOOK_AT_MEMORY] if self._beside else []
        return min(times) - monotonic() if times else None

    def _to_do(self) -> Attempt | None:
        current, candidate = self._current, self._agenda.candidate
        active = None
        if current is not None:
            active = current.identity.digest if self._loader.trusts(current) else ""
        has_shadow = candidate is not None and candidate.desired.digest in self._beside
        # The disk keeps one version that has yet to show that the server lives with it.
        return self._agenda.next(active, has_shadow=has_shadow, may_shadow=self._on_trial is None)

    def _lift_refusals(self) -> None:
        with self._changed:
            is_due, self._chosen_anew = self._chosen_anew, False
            chosen = self._agenda.chosen
        if is_due and chosen:
            self._tell(partial(self._loader.trials.lift, self.task, *chosen), "")

    def _end_trial(self) -> None:
        """Says that the version that answers is good, once it has answered for long enough."""
        if self._on_trial is not None and monotonic() >= self._on_trial[1]:
            desired, self._on_trial = self._on_trial[0], None
            self._tell(partial(self._loader.trials.confirm, self.task, desired.digest), desired.version)
            self._tell(desired.on_good, desired.version)
            _log.info("model_good", task=self.task, version=desired.version, digest=desired.digest)

    def _judge(self) -> None:
        """Stops, where what answers was signed by a key that is trusted no more, and the settings say so."""
        model = self._current
        change = self._trust.judge(model)
        if model is None or not change:
            return
        if change == "regained":
            with self._changed:
                if self._agenda.wish is not None and self._agenda.wish.desired.digest == model.identity.digest:
                    self._reason = ""
        elif self._stops_untrusted:
            self._swap_pointer(None, _nothing)
            with self._changed:
                self._reason = (
                    f"version {model.identity.version} was stopped: nobody who is trusted here signed it "
                    f"({model.signed_by}); sign it with another key (pipit keys sign), or publish another version"
                )

    def _prefetch(self, attempt: Attempt) -> None:
        desired = attempt.desired
        _, proof = self._loader.prove(self.task, attempt)
        with self._changed:
            if (wish := self._agenda.wish_of(attempt)) is not None:
                wish.succeed()
        self._meters.count_load(PREFETCHED)
        _log.info("model_prefetched", task=self.task, version=desired.version, deviation=proof.deviation)
        self._let_go(desired)
        self._tell(self._on_change, desired.version)

    def _open_shadow(self, attempt: Attempt) -> None:
        desired = attempt.desired
        if memory_is_short():
            raise StepFailed(MEMORY, Unavailable("too little is free to keep a second version loaded; free some"))
        model, _ = self._loader.prepare(self.task, attempt)
        if attempt.cancelled.is_set():
            self._close(model)
            raise Overtaken
        self._beside.put(Kept(model, desired.on_freed, shadow=True))
        _log.info("model_in_shadow", task=self.task, version=desired.version)
        self._tell(partial(self.on_shadow, model), desired.version)

    def _swap_in(self, attempt: Attempt) -> None:
        desired = attempt.desired
        kept = self._take_beside(desired.digest)
        proof = self._loader.proof(desired.digest)
        if kept is None:
            model, proof = self._loader.prepare(self.task, attempt)
        else:
            model = kept.model
        if self._current is not None and self._agenda.part.rollout and not self._agenda.is_returning:
            self._tell(partial(self.before_swap, model, attempt.cancelled), desired.version)
        if attempt.cancelled.is_set():
            if kept is None:
                self._close(model)
            else:
                self._put_beside(kept)
            raise Overtaken
        self._end_trial()
        self._swap_pointer(model, desired.on_freed)
        # It answers from here on, whatever fails: at most, after a start without the registry, the one before it would.
        if kept is not None:
            begin = partial(self._loader.trials.begin, self.task, desired.version, desired.digest)
            self._tell(begin, desired.version)
        with self._changed:
            if (wish := self._agenda.wish_of(attempt)) is not None:
                wish.succeed()
        self._on_trial = desired, monotonic() + self._trial_seconds
        self._tell(partial(self._meters.count_swap, proof), desired.version)
        _log.info(
            "model_active",
            task=self.task,
            version=desired.version,
            digest=desired.digest,
            deviation=None if proof is None else proof.deviation,
            stood_by=kept is not None,
        )
        self._tell(desired.on_active, desired.version)

    def _swap_pointer(self, model: LoadedModel | None, on_freed: Callable[[], None]) -> None:
        """From here on `model` answers. The one before serves those who hold a lease, then it is freed or stands by."""
        is_short = memory_is_short()
        with self._changed:
            old, self._current = self._current, model
            self._since = monotonic()
            if model is None:
                self._reason = "it was stopped"
            elif self._agenda.wish is None or not self._agenda.wish.is_refused:
                self._reason = ""
            old_files, self._on_freed = self._on_freed, on_freed
            self._attempt = None
            is_other = old is not None and (model is None or model.identity.digest != old.identity.digest)
            if old is not None and is_other:
                self._before = old.identity.digest
            stands_by = is_other and model is not None and self._before == self._agenda.part.standby
        self._on_trial = None
        if old is not None and is_other:
            # It goes in order.
            self._tell(partial(self._loader.trials.leave, self.task, old.identity.digest), old.identity.version)
        stands_by = stands_by and self._keeps_standby and not is_short
        if old is not None and stands_by:
            self._beside.put(Kept(old, old_files))
        version = self._active_version()
        self._tell(partial(self._meters.show_active, model), version)
        self._tell(self._on_change, version)
        if old is not None and not stands_by:
            self._replaced.add(old, old_files)

    def _close(self, model: LoadedModel) -> None:
        """Of what never answered."""
        identity = model.identity
        self._tell(partial(self._loader.trials.leave, self.task, identity.digest), identity.version)
        self._tell(model.close, identity.version)

    def _take_beside(self, digest: str) -> Kept | None:
        """What is loaded of a version, if it may answer."""
        kept = self._beside.take(digest)
        if kept is not None and kept.shadow:
            self._tell(partial(self.on_shadow, None), kept.model.identity.version)
        if kept is not None and not self._loader.trusts(kept.model):
            self._replaced.add(kept.model, kept.on_freed)
            return None
        return kept

    def _put_beside(self, kept: Kept) -> None:
        self._beside.put(kept)
        if kept.shadow:
            self._tell(partial(self.on_shadow, kept.model), kept.model.identity.version)

    def _drop_beside(self, stays: Collection[str]) -> None:
        """Frees what is loaded and need not be, or may not: with too little memory, or trusted no more."""
        if self._beside and memory_is_short():
            stays = ()
            with self._changed:
                if self._agenda.candidate is not None:
                    self._agenda.candidate.fail(MEMORY, "too little memory is free to keep a second version loaded")
        for kept in self._beside.besides(stays):
            identity = kept.model.identity
            self._beside.take(kept.digest)
            if kept.shadow:
                self._tell(partial(self.on_shadow, None), identity.version)
                self._tell(partial(self._loader.trials.leave, self.task, identity.digest), identity.version)
            _log.info("model_not_kept", task=self.task, version=identity.version, shadow=kept.shadow)
            self._replaced.add(kept.model, kept.on_freed)
            self._tell(self._on_change, identity.version)

    def _free_drained(self) -> None:
        for replaced in self._replaced.take_drained():
            identity = replaced.model.identity
            self._tell(replaced.model.close, identity.version)
            if not self._is_loaded(identity.digest):
                self._tell(replaced.on_freed, identity.version)
            self._meters.count_freed(identity.version, monotonic() - replaced.since, self._active_version())
            _log.info("model_freed", task=self.task, version=identity.version)

    def _active_version(self) -> str:
        return "" if self._current is None else self._current.identity.version

    def _active_digest(self) -> str:
        return "" if self._current is None else self._current.identity.digest

    def _keep_reason(self, attempt: Attempt, step: str, error: BaseException) -> None:
        desired = attempt.desired
        _, message = status_of(error, f"{self.task} {step}")
        reason = told(desired, step, message)
        with self._changed:
            if attempt.purpose is Purpose.ANSWER:
                self._reason = reason
            if (wish := self._agenda.wish_of(attempt)) is not None:
                wish.fail(step, reason, error)
        self._meters.count_load(step)
        event = "model_not_loaded" if is_tried_again(step) else "model_refused"
        _log.warning(
            event, task=self.task, version=desired.version, step=step, reason=message, purpose=attempt.purpose.value
        )
        self._tell(self._on_change, desired.version)
