"""A server that a test tells what rollouts tell devices, and whose proofs, openings and replays are counted."""

from __future__ import annotations

from typing import Any

from pipit.fleet import State
from pipit.proving import Proof, ProofRequest
from pipit.serving.attempts import Part
from pipit.serving.model import LoadedModel
from tiny import TASK
from tiny_server import desired


class Site:
    """A server of 1.0.0, whose proofs and openings are counted."""

    def __init__(self, running: Any, old: Any, new: Any) -> None:
        self.running, self.old, self.new = running, old, new
        self.host = running.server.hosts[TASK]
        self.proven, self.opened, self.replayed = list[str](), list[str](), list[str]()
        self.deviations = list[float]()
        self.shadows = list[str]()
        loader = self.host._loader
        prover, opens = loader._prover, loader.open

        def prove(request: ProofRequest, *more: Any) -> Proof:
            self.proven.append(str(request.bundle.manifest.version) + " patiently" * request.patient)
            proof: Proof = prover(request, *more)
            self.deviations.append(proof.deviation)
            return proof

        def open_one(bundle: Any) -> LoadedModel:
            self.opened.append(str(bundle.manifest.version))
            model: LoadedModel = opens(bundle)
            return model

        loader._prover, loader.open = prove, open_one
        self.host.before_swap = lambda model, cancelled: self.replayed.append(model.identity.version)
        self.host.on_shadow = lambda model: self.shadows.append("" if model is None else model.identity.version)

    def told(self, bundle: Any, stage: int = 0, **part: Any) -> None:
        """As an assignment of a rollout says it; without any part: as there is none."""
        rollout = "r-1" if part else ""
        self.host.desire(desired(bundle), Part(stage + 5, rollout, stage, **part))

    def waits(self, shadow: bool = False) -> None:
        self.told(self.old, candidate=desired(self.new), shadow=shadow)

    def canary(self) -> None:
        self.told(self.new, 1, standby=self.old.digest)

    def loads(self, outcome: str) -> float:
        labels = {"task": TASK, "outcome": outcome}
        value = self.running.server.metrics.registry.get_sample_value("pipit_model_loads_total", labels)
        return float(value or 0.0)

    @property
    def candidate(self) -> tuple[str, State, str]:
        report = self.host.report()
        return report.candidate_version, report.candidate_state, report.candidate_failed_step
