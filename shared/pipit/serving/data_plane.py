"""The middle of the server: every transport calls it, and it knows none of them.

select ──> admission ──> lease ──> decode ──> run (batched, where it gains) ──> interpret ──> answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from pipit.errors import InputTooLarge, InvalidInput, NotFound, PipitError, QueueFull
from pipit.inputs import Input
from pipit.inputs.memory import room_for
from pipit.metrics import Metrics
from pipit.pipelines.served import check_deadline
from pipit.rpc.callers import caller
from pipit.serving.admission import Admission
from pipit.serving.counts import TaskCounts
from pipit.serving.host import ModelHost
from pipit.serving.meters import ANOTHER, known_or_not
from pipit.serving.model import LoadedModel, Outputs
from pipit.serving.recent import RecentAnswers, Verdict
from pipit.serving.types import Answer, Identity, Options, Selector, StageTimes
from pipit.types import Decoded, Prediction, Tensors
from pipit.workers.messages import Ran, Worked

if TYPE_CHECKING:
    from pipit.serving.keeping import Keeping, StreamTail
    from pipit.workers.crew import Crew
    from pipit.workers.worker import Lane

EVERYTHING = Options()
OnAnswer = Callable[[LoadedModel, Input | Decoded, Sequence[Prediction]], None]
OnFaces = Callable[[LoadedModel, Outputs, Decoded, Sequence[Prediction]], None]


class DataPlane:
    """Answers inputs with the models of its hosts."""

    def __init__(
        self,
        hosts: Mapping[str, ModelHost],
        admission: Admission,
        metrics: Metrics,
        recent: RecentAnswers,
        look_on: OnFaces | None = None,
    ) -> None:
        """hosts: by task. recent: the transports remember there what they answered, by request.

        look_on: is shown each answer of a task that names faces; has to be quick.
        """
        self.hosts = hosts
        self.admission = admission
        self.recent = recent
        self.counts = {task: TaskCounts() for task in hosts}
        """By task: how each version answers, for the registry."""
        self._look_on = look_on
        self.on_answer: OnAnswer | None = None
        """Shown each answer, with its input, or of a recording the part that was decoded. Has to be quick, and not to
        raise."""
        self.crew: Crew | None = None
        """Who computes beside this process; None: nobody does."""
        self.keeping: Keeping | None = None
        """Keeps inputs for a person's label; None: nothing is kept."""
        self._feedback = metrics.counter("pipit_feedback_total")
        self._requests = metrics.counter("pipit_requests_total")
        self._by_workers = metrics.counter("pipit_worker_answers_total")
        self._draining = False
        metrics.gauge("pipit_queue_depth").set_function(lambda: admission.waiting)
        metrics.gauge("pipit_running").set_function(lambda: admission.running)

    @property
    def is_draining(self) -> bool:
        """Whether the server is about to stop. What has come until the port is closed is still answered."""
        return self._draining

    @property
    def is_ready(self) -> bool:
        """Whether every task answers."""
        return not self._draining and all(host.is_serving for host in self.hosts.values())

    def drain(self) -> None:
        """Says that the server is about to stop: it is not ready any more, and streams are to end."""
        self._draining = True

    def host(self, selector: Selector) -> ModelHost:
        """The task that is meant.

        Raises NotFound, PermissionDenied for one that the caller may not ask, InvalidInput if none is named and there
        are several.
        """
        if selector.task:
            host = self.hosts.get(selector.task)
            if host is None:
                raise NotFound(f"task {selector.task[:200]!r} is not served here; {self._known()}")
            caller().check_task(selector.task)
            return host
        shown = self.shown
        if len(shown) != 1:
            raise InvalidInput(f"name a task; {self._known()}")
        return next(iter(shown.values()))

    @property
    def shown(self) -> Mapping[str, ModelHost]:
        """By task, those that the caller may ask."""
        asking = caller()
        if asking.tasks is None:
            return self.hosts
        return {task: host for task, host in self.hosts.items() if asking.may_ask(task)}

    def _known(self) -> str:
        return f"this server has {', '.join(sorted(self.shown)) or 'none'}"

    def classify(
        self,
        item: Input,
        selector: Selector,
        options: Options = EVERYTHING,
        deadline: float | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> Answer:
        """Answers one input.

        deadline: of the monotonic clock, in seconds. is_wanted: whether the caller is still there.
        Raises what `pipit.errors` lists for an inference server.
        """
        model: LoadedModel | None = None
        try:
            host = self.host(selector)
            begun = perf_counter()
            with self.admission.turn(deadline, is_wanted):
                model = host.lease(selector.version, selector.environment)
                try:
                    predictions, times = self._compute(model, item, begun, deadline)
                    return self._tell(model, item, predictions, times, options)
                finally:
                    model.release()
        except Exception as error:
            self.count_failure(selector.task, error, model)
            raise

    def _compute(
        self, model: LoadedModel, item: Input, begun: float, deadline: float | None
    ) -> tuple[Sequence[Prediction], StageTimes]:
        """Decodes, runs and interprets, here or in a worker. begun: when the request came, of `perf_counter`."""
        crew, elsewhere = self.crew, model.elsewhere
        if crew is None or elsewhere is None:
            return self._compute_here(model, item, begun, deadline)
        lane = crew.take(elsewhere)
        try:
            if lane is not None and (worked := self._ask(lane, crew.room, model, item, deadline)) is not None:
                times = worked.times
                times.queue = perf_counter() - begun - times.total
                if worked.rows:
                    model.meters.batch_rows.observe(worked.rows)
                return worked.predictions, times
            return self._compute_here(model, item, begun, deadline)
        finally:
            crew.give(lane)

    def _compute_here(
        self, model: LoadedModel, item: Input, begun: float, deadline: float | None
    ) -> tuple[Sequence[Prediction], StageTimes]:
        started = perf_counter()
        decoded = model.decode(item)
        return self._run(model, decoded, started - begun, perf_counter() - started, deadline)

    def _ask(self, lane: Lane, room: int, model: LoadedModel, item: Input, deadline: float | None) -> Worked | None:
        """Has a worker answer; None: it can't, and this process is to. Raises what the model raises; Unavailable."""
        with room_for(room, 0):
            worked = lane.ask(model.identity.digest, item, deadline)
        if isinstance(worked, Worked):
            self._by_workers.inc()
            return worked
        if worked is None:
            return None
        error = worked.error
        if isinstance(error, InputTooLarge | QueueFull):
            return None
        raise error

    def answer(
        self,
        model: LoadedModel,
        decoded: Decoded,
        options: Options,
        queued: float,
        decoding: float,
        deadline: float | None = None,
        item: Input | None = None,
        tail: StreamTail | None = None,
    ) -> Answer:
        """Runs and interprets; the caller holds the lease and its turn. queued, decoding: seconds so far.

        deadline: of the monotonic clock, in seconds. item: what was decoded; None: a part of a recording, whose last
        seconds are in `tail`, where they are wanted.
        Raises DeadlineExceeded if the deadline passes before the network runs.
        """
        predictions, times = self._run(model, decoded, queued, decoding, deadline)
        return self._tell(model, decoded if item is None else item, predictions, times, options, tail)

    def _run(
        self, model: LoadedModel, decoded: Decoded, queued: float, decoding: float, deadline: float | None
    ) -> tuple[Sequence[Prediction], StageTimes]:
        check_deadline(deadline)
        begun = perf_counter()
        outputs, waited = model.run(decoded.tensors, len(decoded.regions), deadline)
        ran = perf_counter()
        predictions = model.pipeline.interpret(outputs, decoded)
        times = StageTimes(decoding, queued + waited, ran - begun - waited, perf_counter() - ran)
        if self._look_on is not None and model.names_people:
            self._look_on(model, outputs, decoded, predictions)
        return predictions, times

    def _tell(
        self,
        model: LoadedModel,
        given: Input | Decoded,
        predictions: Sequence[Prediction],
        times: StageTimes,
        options: Options,
        tail: StreamTail | None = None,
    ) -> Answer:
        """Counts an answer, and shows it to whoever looks on."""
        task = model.identity.task
        model.meters.answered(times, predictions)
        self.counts[task].of(model).answered(times.total, predictions)
        if self.on_answer is not None:
            self.on_answer(model, given, predictions)
        keeping, kept = self.keeping, None
        if keeping is not None and task in keeping.tasks:
            kept = keeping.offer(model, None if isinstance(given, Decoded) else given, tail, predictions)
        return Answer(chosen(predictions, options), model.identity, times, model.labels, model.names_people, kept)

    def remember(self, request_id: str, answer: Answer) -> None:
        """Waits for somebody to say what the answer should have been."""
        self.recent.remember(request_id, answer)
        if answer.kept is not None and self.keeping is not None:
            self.keeping.remember(request_id, answer.kept)

    def infer(
        self,
        tensors: Tensors,
        selector: Selector,
        deadline: float | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> tuple[Outputs, Identity]:
        """Runs the bare network over rows of tensors; the first axis of each is the batch."""
        model: LoadedModel | None = None
        try:
            host = self.host(selector)
            begun = perf_counter()
            with self.admission.turn(deadline, is_wanted):
                model = host.lease(selector.version, selector.environment)
                try:
                    outputs = self._infer(model, tensors, deadline)
                    seconds = perf_counter() - begun
                    model.meters.count_answer(seconds)
                    self.counts[model.identity.task].of(model).answered(seconds)
                    return outputs, model.identity
                finally:
                    model.release()
        except Exception as error:
            self.count_failure(selector.task, error, model)
            raise

    def _infer(self, model: LoadedModel, tensors: Tensors, deadline: float | None) -> Outputs:
        """Runs the network, here or in a worker."""
        rows = model.rows_of(tensors)
        crew, elsewhere = self.crew, model.elsewhere
        if crew is None or elsewhere is None:
            return model.run(tensors, rows, deadline)[0]
        lane = crew.take(elsewhere)
        try:
            ran = None if lane is None else lane.run(elsewhere.digest, tensors, deadline)
            if isinstance(ran, Ran):
                self._by_workers.inc()
                model.meters.batch_rows.observe(rows)
                return ran.outputs
            if ran is not None and not isinstance(error := ran.error, QueueFull):
                raise error
            return model.run(tensors, rows, deadline)[0]
        finally:
            crew.give(lane)

    def judge(self, request_id: str, label: str) -> Verdict:
        """Takes and counts the right label of an answer that `recent` remembers. Raises NotFound, InvalidInput."""
        verdict = self.recent.judge(request_id, label, caller().may_ask)
        model, predicted = verdict.model, verdict.predicted
        self.counts[model.task].judged(model.version, was_right=verdict.was_right)
        if verdict.names_people:
            label = ANOTHER if label and predicted and not verdict.was_right else known_or_not(label)
            predicted = known_or_not(predicted)
        self._feedback.labels(model.task, model.version, predicted, label).inc()
        if self.keeping is not None:
            self.keeping.judged(request_id, label, was_right=verdict.was_right)
        return verdict

    def count_failure(self, task: str, error: Exception, model: LoadedModel | None = None) -> None:
        """Counts an input that was not answered. task: as the caller named it.

        model: whose turn it was; None: whoever answers now, for it had none yet.
        """
        code = error.status if isinstance(error, PipitError) else PipitError.status
        # No series under names that callers think up.
        known = task if task in self.hosts else ""
        if model is not None:
            # Who may ask one task of several need not name it.
            known = model.identity.task
        elif not task and len(self.hosts) == 1:
            known = next(iter(self.hosts))
        self._requests.labels(known, "", code).inc()
        model = model or (self.hosts[known].current if known else None)
        if model is not None:
            self.counts[known].of(model).failed(code)


def chosen(predictions: Iterable[Prediction], options: Options) -> list[Prediction]:
    """The predictions with the labels that `options` ask for, and what they say in any case."""
    if not options.top_k and options.min_score <= 0.0:
        return list(predictions)
    return [
        replace(
            prediction,
            scores=tuple(
                score
                for place, score in enumerate(prediction.scores)
                if ((not options.top_k or place < options.top_k) and score.score >= options.min_score)
                or score.detected
                or score.label == prediction.label
            ),
        )
        for prediction in predictions
    ]
