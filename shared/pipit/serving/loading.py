"""The steps from a desired version to a model that may serve. Each refuses what it can't vouch for.

fetch ──> verify ──> load ──> golden check ──> warm
  └──────────┴──nobody trusted signed it──> refused, as the step "signature"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from pipit.bundle.golden import check_golden, read_golden
from pipit.bundle.keyring import Keyring
from pipit.bundle.reader import Bundle, open_bundle
from pipit.errors import IntegrityError, UntrustedSignature
from pipit.faces.contract import NamesFaces
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.pipelines import Pipeline, load_pipeline, make_pipeline
from pipit.pipelines.networks import open_networks
from pipit.runtimes import load_runtime
from pipit.runtimes.base import Runtime
from pipit.serving.batching import Batcher
from pipit.serving.gallery_keeper import GalleryKeeper
from pipit.serving.meters import KNOWN, UNKNOWN, ModelMeters
from pipit.serving.model import LoadedModel
from pipit.serving.types import Identity

T = TypeVar("T")
_log = get_logger(__name__)

SEARCHES = 2
"""Inputs at most that a further network looks at at once: LiteRT unpacks the weights for each interpreter, which takes
71 MB for the four that find faces and bodies."""
STEPS = ("fetch", "signature", "verify", "load", "golden", "warm")
"""In their order, as metrics and reasons name them."""
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
    on_freed: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called once the bundle's files are needed no more: refused, or freed after another took its place."""


class StepFailed(Exception):
    """A step to the next version failed with `error`."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"{step}: {error}")
        self.step = step
        self.error = error


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
        pipelines: Callable[..., Pipeline] = load_pipeline,
        keeper: GalleryKeeper | None = None,
    ) -> None:
        """pipelines: makes the pipeline that a manifest names, as `pipit.pipelines.make_pipeline` calls it.

        keeper: of the people for pipelines that name faces; None: nobody is known.
        """
        self._options = options
        self._metrics = metrics
        self._keeper = keeper or GalleryKeeper("", metrics)
        self._pipelines = pipelines

    def prepare(self, task: str, desired: Desired) -> tuple[LoadedModel, float]:
        """Goes all the steps; gives the model, and its largest deviation from the golden scores. Raises StepFailed."""
        path = self._step(task, "fetch", desired.fetch)
        bundle = self._step(task, "verify", lambda: self.verify(path, task, desired.digest))
        model = self._step(task, "load", lambda: self.load(bundle))
        try:
            deviation = self._step(task, "golden", lambda: self.check_golden(bundle, model))
            self._step(task, "warm", lambda: self.warm(bundle, model))
        except BaseException:
            try:
                model.close()
            except Exception as error:
                # What went wrong before is what people have to know.
                _log.error("model_not_closed", task=task, version=desired.version, exc_info=error)
            raise
        return model, deviation

    def _step(self, task: str, step: str, run: Callable[[], T]) -> T:
        begun = monotonic()
        try:
            return run()
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

    def load(self, bundle: Bundle) -> LoadedModel:
        """Makes pipeline and networks. Raises NotFound for a pipeline or a variant that is not here."""
        options, manifest = self._options, bundle.manifest
        variant = manifest.variant(options.variant or None)
        with ExitStack() as stack:
            networks = stack.enter_context(
                open_networks(manifest.networks, bundle.file, options.threads, min(options.instances, SEARCHES))
            )
            pipeline = make_pipeline(self._pipelines, manifest, networks)
            stack.callback(self._keeper.adopt(pipeline))
            people = self._keeper.names if isinstance(pipeline, NamesFaces) else None
            runtime = load_runtime(
                bundle.file(variant.file), variant.runtime, threads=options.threads, instances=options.instances
            )
            stack.callback(runtime.close)
            identity = Identity(manifest.task, str(manifest.version), bundle.digest, variant.name)
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

    def check_golden(self, bundle: Bundle, model: LoadedModel) -> float:
        """Largest deviation of a golden score. Raises IntegrityError if it is over the tolerance."""
        return check_golden(bundle, model.identity.variant, model.pipeline, model.runtime)

    def warm(self, bundle: Bundle, model: LoadedModel) -> None:
        """Runs each instance of the network once, so that the first caller does not pay for it."""
        samples = read_golden(bundle.file(bundle.manifest.golden.file))
        tensors = model.pipeline.decode(samples[0].item).tensors
        _at_once([partial(model.runtime.run, tensors)] * self._options.instances)


def _at_once(calls: Sequence[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(len(calls), "warm") as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()
