"""What a server that follows a registry counts, tries and says of itself; one of bundle directories has none of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pipit.fleet import FleetClient, WindowKind
from pipit.inputs import Input
from pipit.inputs.memory import Budget
from pipit.metrics import Metrics
from pipit.rpc.server import MEBIBYTE
from pipit.serving.data_plane import DataPlane
from pipit.serving.model import LoadedModel
from pipit.serving.replay import RecentInputs, Replayer, sample_of
from pipit.serving.reporting import Reporter
from pipit.serving.settings import ServingSettings
from pipit.serving.shadow import Shadow
from pipit.serving.sources import RegistrySource
from pipit.serving.tally import TaskTally
from pipit.types import Decoded, Prediction

if TYPE_CHECKING:
    from pipit.registry.types import Assignment


class FleetSide:
    """Counts in windows, has candidates answer beside, and reports."""

    def __init__(
        self,
        settings: ServingSettings,
        source: RegistrySource,
        plane: DataPlane,
        metrics: Metrics,
        memory: Budget,
    ) -> None:
        """memory: what is decoded counts to it.

        Calls go over the source's connection.
        """
        self._tallies = {task: TaskTally(task, counts) for task, counts in plane.counts.items()}
        self._reporter = Reporter(
            FleetClient(settings.registry, channel=source.client.channel),
            settings.device_id,
            settings.environment,
            plane.hosts,
            self._tallies,
            metrics,
        )
        source.on_assigned = self._assigned
        self._recent = {
            task: RecentInputs(settings.replay_inputs, settings.replay_mib * MEBIBYTE) for task in plane.hosts
        }
        self._keeps_inputs = settings.replay_inputs > 0
        self._replayer = Replayer(metrics, memory)
        self._shadows = {
            task: Shadow(task, metrics, memory, lambda: plane.admission.waiting > 0) for task in plane.hosts
        }
        plane.on_answer = self._answered
        for task, host in plane.hosts.items():
            host.before_swap = partial(self._replay, task)
            host.on_shadow = partial(self._shadow, task)

    def start(self) -> None:
        """Begins to report."""
        self._reporter.start()

    def changed(self) -> None:
        """Says that a task does something else than before; returns at once."""
        self._reporter.changed()

    def forget_people(self) -> None:
        """Keeps no picture that was answered with names: who was in it may be known no more."""
        for task, recent in self._recent.items():
            recent.forget_people()
            self._shadows[task].forget_people()

    def say_beside(self, task: str, item: Input) -> tuple[str, Sequence[Prediction]] | None:
        """What the task's candidate says, and its version; see `Shadow.say`."""
        return self._shadows[task].say(item)

    def settle(self) -> None:
        """Begins to stop; once more before the source does, whose connection is used."""
        self._reporter.settle()

    def stop(self) -> None:
        """Ends."""
        for shadow in self._shadows.values():
            shadow.follow(None)
        self._reporter.stop()

    def _answered(self, model: LoadedModel, given: Input | Decoded, predictions: Sequence[Prediction]) -> None:
        task = model.identity.task
        shadow = self._shadows[task]
        if (self._keeps_inputs or shadow.is_on) and (not isinstance(given, Decoded) or given.repeatable):
            sample = sample_of(model, given, predictions)
            if self._keeps_inputs:
                self._recent[task].remember(sample)
            if shadow.is_on:
                shadow.offer(sample)

    def _replay(self, task: str, candidate: LoadedModel, cancelled: threading.Event) -> None:
        counts = self._replayer.run(candidate, self._recent[task].all(), cancelled)
        # One that is wanted no more may be of a rollout that is over.
        if counts.totals() and not cancelled.is_set():
            self._tallies[task].count_apart(WindowKind.REPLAY, candidate.identity.version, counts)
            self._reporter.changed()

    def _shadow(self, task: str, candidate: LoadedModel | None) -> None:
        counts = self._shadows[task].follow(candidate)
        if candidate is not None and counts is not None:
            self._tallies[task].count_apart(WindowKind.SHADOW, candidate.identity.version, counts)

    def _assigned(self, assignment: Assignment) -> None:
        self._tallies[assignment.task].assigned(assignment)
        self._reporter.changed()
