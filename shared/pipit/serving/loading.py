"""The steps from a desired version to a model that may serve. Each refuses what it can't vouch for.

fetch ──> verify ──> trial ──> prove (load, golden, warm) ──> open
  │          │         │         └── in a child process       └── here; on the disk stands that it is being tried
  │          │         └── ended badly twice before: refused
  └──────────┴──nobody trusted signed it──> refused, as the step "signature"

A candidate goes as far as its proof, which is kept by its digest: once it is wanted, it needs no second one. Nor does
what was good here before this process began, on the same machine in the same way: its golden check is made once it is
open.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TypeVar

from pipit.bundle.golden import check_golden
from pipit.bundle.keyring import Keyring
from pipit.bundle.reader import Bundle, open_bundle
from pipit.errors import IntegrityError, Unavailable, UntrustedSignature
from pipit.faces.contract import NamesFaces
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.pipelines import Pipeline, load_pipeline
from pipit.pipelines.networks import open_model
from pipit.proving import (
    MEMORY,
    Limits,
    Overtaken,
    Proof,
    ProofRequest,
    Prover,
    StepFailed,
    Trials,
    memory_limit,
    prove_here,
    setup_of,
    warm,
)
from pipit.runtimes.base import Runtime
from pipit.serving.attempts import Attempt, Purpose
from pipit.serving.batching import Batcher
from pipit.serving.gallery_keeper import GalleryKeeper
from pipit.serving.meters import KNOWN, UNKNOWN, ModelMeters
from pipit.serving.model import LoadedModel
from pipit.serving.types import Identity
from pipit.workers.crew import Crew
from pipit.workers.messages import Open

T = TypeVar("T")
_log = get_logger(__name__)

STEPS = ("fetch", "signature", "verify", "trial", "prove", "load", "golden", "warm", MEMORY, "open")
"""In their order, as metrics and reasons name them; MEMORY where a proof found too little of it."""
SIGNATURE = "signature"
"""Fails where nobody trusted signed the bundle, whichever step finds that."""
FAULT = "fault"
"""Named in their place where no step failed, but the server itself."""
_KEPT_PROOFS = 64
"""Of all tasks together; a server has two of each that matter."""
_LOOK_SECONDS = 0.05
"""Between looks of a candidate that waits for its turn at whether it is wanted still."""


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
    crew: Crew | None = None
    """Who computes beside this process; None: nobody does."""
    limits: Limits = field(default_factory=Limits)
    """Of a proof; one that was made within others is made anew."""


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
        self._lock = threading.Lock()
        self._proofs: OrderedDict[str, Proof] = OrderedDict()
        self._turns = threading.Condition()
        self._patient: set[Attempt] = set()
        self._urgent = 0

    def prepare(self, task: str, attempt: Attempt) -> tuple[LoadedModel, Proof]:
        """Goes all the steps; gives the model, and what its proof found. Raises StepFailed, Overtaken."""
        desired = attempt.desired
        bundle, proof = self.prove(task, attempt)
        self._step(task, "trial", attempt, lambda: self.trials.begin(task, desired.version, desired.digest))
        try:
            model = self._step(task, "open", attempt, lambda: self.open(bundle))
            if self.proof(desired.digest) is None:
                try:
                    self._step(task, "golden", attempt, lambda: self._check_again(task, bundle, model, proof))
                except BaseException:
                    model.close()
                    raise
        except BaseException:
            self.trials.leave(task, desired.digest)
            raise
        return model, proof

    def _check_again(self, task: str, bundle: Bundle, model: LoadedModel, proof: Proof) -> None:
        """Of a version that is opened on the strength of a proof before this process. Raises as `check_golden`."""
        check_golden(bundle, model.identity.variant, model.pipeline, model.runtime)
        self._keep(bundle.digest, proof)
        self.trials.put_proof(task, bundle.digest, proof, self._setup)

    def confirm(self, task: str, digest: str) -> None:
        """A version has answered for long enough to be good here."""
        self.trials.confirm(task, digest, self.proof(digest), self._setup)

    @cached_property
    def _setup(self) -> str:
        options = self._options
        return setup_of((options.variant, options.threads, options.instances, options.limits))

    def prove(self, task: str, attempt: Attempt) -> tuple[Bundle, Proof]:
        """Goes the steps up to the proof, which is made once in the life of this process; see also the module.

        Raises StepFailed, Overtaken.
        """
        desired, options = attempt.desired, self._options
        path = self._step(task, "fetch", attempt, desired.fetch)
        bundle = self._step(task, "verify", attempt, lambda: self.verify(path, task, desired.digest))
        self._step(task, "trial", attempt, lambda: self.trials.check(task, desired.digest))
        known = self.proof(desired.digest)
        if known is None and attempt.purpose is Purpose.ANSWER:
            known = self.trials.take_proof(task, desired.digest, self._setup)
        if known is not None:
            if attempt.purpose is not Purpose.PREFETCH:
                _check_memory(known)
            return bundle, known
        patient = attempt.purpose is not Purpose.ANSWER
        request = ProofRequest(bundle, options.variant, options.threads, options.instances, patient=patient)
        with self._queued(attempt):
            proof = self._step(
                task, "prove", attempt, lambda: self._prover(request, attempt.enter, attempt.interrupted)
            )
        self._keep(desired.digest, proof)
        _log.info(
            "model_proven",
            task=task,
            version=desired.version,
            deviation=proof.deviation,
            seconds=round(proof.seconds, 3),
            peak_bytes=proof.peak_bytes,
        )
        return bundle, proof

    def proof(self, digest: str) -> Proof | None:
        """What the proof of a version found; None: it was not proven since this process began."""
        with self._lock:
            return self._proofs.get(digest)

    def _keep(self, digest: str, proof: Proof) -> None:
        with self._lock:
            self._proofs[digest] = proof
            while len(self._proofs) > _KEPT_PROOFS:
                self._proofs.popitem(last=False)

    @contextmanager
    def _queued(self, attempt: Attempt) -> Iterator[None]:
        """One proof goes on at a time. What is wanted at once does not wait for what is proven for later.

        Raises Overtaken where that is wanted no more before its turn came.
        """
        is_urgent = attempt.purpose is Purpose.ANSWER
        with self._turns:
            if is_urgent:
                self._urgent += 1
                for patient in self._patient:
                    patient.interrupted.set()
            else:
                while self._urgent and not attempt.interrupted.is_set():
                    self._turns.wait(_LOOK_SECONDS)
                attempt.enter("prove")
                self._patient.add(attempt)
        try:
            yield
        finally:
            with self._turns:
                self._urgent -= is_urgent
                self._patient.discard(attempt)
                self._turns.notify_all()

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
            elsewhere = None
            # Who is known changes in this process; further networks are large, and what they find is shared here.
            if options.crew is not None and people is None and batcher is None and not manifest.networks:
                elsewhere = Open(
                    bundle.digest, str(bundle.path.absolute()), variant, options.threads, options.most_rows
                )
                stack.callback(options.crew.forget, bundle.digest)
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
                elsewhere,
            )

    def _batcher(self, runtime: Runtime) -> Batcher | None:
        options = self._options
        if options.batch_rows <= 1 or not runtime.batches:
            return None
        return Batcher(runtime.run, options.batch_rows, options.batch_delay, options.has_company)


def _check_memory(proof: Proof) -> None:
    """Raises StepFailed where less is free now than the proof took, which kept within every other limit."""
    limit = memory_limit(proof.peak_bytes)
    if limit.passing and proof.peak_bytes > limit.bytes:
        text = f"its proof took {proof.peak_bytes >> 20} MiB, {limit.bytes >> 20} MiB are {limit.why}; free some memory"
        raise StepFailed(MEMORY, Unavailable(text))
