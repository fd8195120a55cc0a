"""The steps from a desired version to a model that may serve. Each refuses what it can't vouch for.

fetch ──> verify ──> trial ──> prove (load, golden, warm) ──> open
  │          │         │         └── in a child process       └── here; on the disk stands that it is being tried
  │          │         └── ended badly twice before: refused
  └──────────┴──nobody trusted signed it──> refused, as the step "signature"
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TypeVar

from pipit.bundle.keyring import Keyring
from pipit.bundle.reader import Bundle, open_bundle
from pipit.errors import IntegrityError, UntrustedSignature
from pipit.faces.contract import NamesFaces
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.pipelines import Pipeline, load_pipeline
from pipit.pipelines.networks import open_model
from pipit.proving import MEMORY, Overtaken, Proof, ProofRequest, Prover, StepFailed, Trials, prove_here, warm
from pipit.runtimes.base import Runtime
from pipit.serving.batching import Batcher
from pipit.serving.gallery_keeper import GalleryKeeper
from pipit.serving.meters import KNOWN, UNKNOWN, ModelMeters
from pipit.serving.model import LoadedModel
from pipit.serving.types import Identity

T = TypeVar("T")
_log = get_logger(__name__)

STEPS = ("fetch", "signature", "verify", "trial", "prove", "load", "golden", "warm", MEMORY, "open")
"""In their order, as metrics and reasons name them; MEMORY where a proof found too little of it."""
SIGNATURE = "signature"
"""Fails where nobody trusted signed the bundle, whichever step finds that."""
FAULT = "fault"
"""Named in their place where no step failed, but the server itself."""


@dataclass(frozen=True, slots=True)
class Desired:
    """A version that should answer."""

    version: str
    digest: str
    fetch: Callable[[], Path] = field(compare=False)
    """Gives the bundle's directory; may take long."""
    on_active: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once it answers."""
    on_good: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once it has answered for so long that it counts as good here."""
    on_freed: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once the bundle's files are needed no more: refused, or freed after another took its place."""
    cancel: Callable[[], None] = field(default=lambda: None, compare=False)
    """Ends a `fetch` that is running or comes later, from any thread: the version is wanted no more."""


class Attempt:
    """One way to a version, which another thread may end."""

    def __init__(self, desired: Desired) -> None:
        self.desired = desired
        self.cancelled = threading.Event()
        self._now: tuple[str, datetime] = "fetch", datetime.now(UTC)

    def enter(self, step: str) -> None:
        """Raises Overtaken if the way ends here."""
        if self.cancelled.is_set():
            raise Overtaken
        self._now = step, datetime.now(UTC)

    def cancel(self) -> None:
        """Ends it as soon as the step can be ended."""
        self.cancelled.set()
        self.desired.cancel()

    def __str__(self) -> str:
        """For people."""
        step, since = self._now
        return f"version {self.desired.version} is at the step {step} since {since:%H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """How models are loaded here."""

    keyring: Keyring = field(default_factory=Keyring)
    """Whose signatures a bundle must have."""
    variant: str = ""
    """Empty: the bundle's default."""
    threads: int = 1
    """Of one run of a network."""
    instances: int = 1
    """Networks that may run at once."""
    batch_rows: int = 1
    """Rows of one run at most; 1: no batching."""
    batch_delay: float = 0.0
    """Seconds that a first caller waits for others."""
    most_rows: int | None = None
    """Rows of a tensor that a caller sends for the network itself; None: any number."""
    has_company: Callable[[], bool] = lambda: True
    """Whether more than one caller is at work."""


class ModelLoader:
    """Loads bundles one way."""

    def __init__(
        self,
        options: LoaderOptions,
        metrics: Metrics,
        trials: Trials,
        pipelines: Callable[..., Pipeline] = load_pipeline,
        keeper: GalleryKeeper | None = None,
        prover: Prover | None = None,
    ) -> None:
        """trials: what is remembered of versions that are new here.

        pipelines: makes the pipeline that a manifest names, as `pipit.pipelines.make_pipeline` calls it.
        keeper: of the people for pipelines that name faces; None: nobody is known.
        prover: tries each candidate; None: this process does.
        """
        self.trials = trials
        self._options = options
        self._metrics = metrics
        self._keeper = keeper or GalleryKeeper("", metrics)
        self._pipelines = pipelines
        self._prover = prover or prove_here(pipelines)

    def prepare(self, task: str, attempt: Attempt) -> tuple[LoadedModel, Proof]:
        """Goes all the steps; gives the model, and what its proof found. Raises StepFailed, Overtaken."""
        desired, options = attempt.desired, self._options
        path = self._step(task, "fetch", attempt, desired.fetch)
        bundle = self._step(task, "verify", attempt, lambda: self.verify(path, task, desired.digest))
        self._step(task, "trial", attempt, lambda: self.trials.check(task, desired.digest))
        request = ProofRequest(bundle, options.variant, options.threads, options.instances)
        proof = self._step(task, "prove", attempt, lambda: self._prover(request, attempt.enter, attempt.cancelled))
        _log.info(
            "model_proven",
            task=task,
            version=desired.version,
            deviation=proof.deviation,
            seconds=round(proof.seconds, 3),
            peak_bytes=proof.peak_bytes,
        )
        self._step(task, "trial", attempt, lambda: self.trials.begin(task, desired.version, desired.digest))
        try:
            return self._step(task, "open", attempt, lambda: self.open(bundle)), proof
        except BaseException:
            self.trials.leave(task, desired.digest)
            raise

    def _step(self, task: str, step: str, attempt: Attempt, run: Callable[[], T]) -> T:
        attempt.enter(step)
        begun = monotonic()
        try:
            return run()
        except (StepFailed, Overtaken):
            raise
        except UntrustedSignature as error:
            raise StepFailed(SIGNATURE, error) from error
        except Exception as error:
            raise StepFailed(step, error) from error
        finally:
            self._metrics.histogram("pipit_model_load_seconds").labels(task, step).observe(monotonic() - begun)

    def verify(self, path: Path, task: str, digest: str) -> Bundle:
        """Opens the bundle and checks every byte of it, and that it is the one that was asked for.

        Raises NotFound, IntegrityError, InvalidInput.
        """
        bundle = open_bundle(path, self._options.keyring.check)
        if bundle.digest != digest or bundle.manifest.task != task:
            raise IntegrityError(
                f"the bundle is {bundle.manifest.task} {bundle.digest[:12]}, but {task} {digest[:12]} was asked for; "
                "publish it anew"
            )
        return bundle

    def trusts(self, model: LoadedModel) -> bool:
        """Whether the key that signed it may still sign."""
        return self._options.keyring.trusts(model.signed_by)

    def open(self, bundle: Bundle) -> LoadedModel:
        """Makes pipeline and networks, and runs them once. Raises NotFound for a pipeline or a variant not here."""
        options, manifest = self._options, bundle.manifest
        variant = manifest.variant(options.variant or None).name
        with ExitStack() as stack:
            pipeline, runtime = stack.enter_context(
                open_model(bundle, variant, options.threads, options.instances, self._pipelines)
            )
            stack.callback(self._keeper.adopt(pipeline))
            warm(bundle, pipeline, runtime, options.instances)
            people = self._keeper.names if isinstance(pipeline, NamesFaces) else None
            identity = Identity(manifest.task, str(manifest.version), bundle.digest, variant)
            labels = (*manifest.labels, *manifest.decision.groups) if people is None else (KNOWN, UNKNOWN)
            meters = ModelMeters(self._metrics, identity, labels, names_people=people is not None)
            batcher = self._batcher(runtime)
            return LoadedModel(
                identity,
                manifest,
                pipeline,
                runtime,
                meters,
                batcher,
                stack.pop_all().close,
                people,
                options.most_rows,
                bundle.signer,
            )

    def _batcher(self, runtime: Runtime) -> Batcher | None:
        options = self._options
        if options.batch_rows <= 1 or not runtime.batches:
            return None
        return Batcher(runtime.run, options.batch_rows, options.batch_delay, options.has_company)
