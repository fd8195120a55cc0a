"""The acts of the demo, one after the other.

    data -> train -> registry -> publish, promote -> server -> classify [-> rollout] [-> console]

What training made stays in the state folder, so that a second demo begins with the registry.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipit.bundle import Bundle, open_bundle
from pipit.cli.demo.clips import Clip, unseen_clips
from pipit.cli.demo.console import bring_examples, start_console, stay
from pipit.cli.demo.processes import Servers, free_port, wait_until_serving
from pipit.cli.demo.result import AnsweredClip, DemoResult
from pipit.cli.demo.rollout import DEVICES, run_rollout
from pipit.cli.demo.subject import Subject, choose_subject
from pipit.cli.settings import CliSettings
from pipit.cli.signing import make_key, publish_signed
from pipit.cli.training import published_versions, run_training
from pipit.client import Answer, Client
from pipit.errors import GatesFailed, Unavailable
from pipit.fleet import FleetClient, RolloutView
from pipit.registry import RegistryClient
from pipit.registry.types import GateResult
from pipit.training.progress import Progress
from pipit.training.run import open_run
from pipit.types import said

_START_SECONDS = 90.0
_POLL_SECONDS = 0.1
_ENVIRONMENT = "production"
_EACH_TO_LABEL = 8
"""Clips of each class that wait for a label in the console."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """state: folder that keeps everything. data: folder of data sets, None if there is none.

    task: empty for the one that is installed. synthetic: take synthesised data though there are real ones. recipe:
    empty for one that fits the data.
    serve_python, registry_python, console_python: interpreters of those environments. each: clips of each class to
    classify. rollout: at the end a bad version is promoted, and stops itself. console: then the console stays open.
    """

    task: str
    state: Path
    data: Path | None
    synthetic: bool = False
    recipe: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    serve_python: Path = Path(sys.executable)
    registry_python: Path = Path(sys.executable)
    console_python: Path = Path(sys.executable)
    each: int = 2
    rollout: bool = False
    console: bool = False


Show = Callable[[Iterator[RolloutView]], RolloutView]
"""Takes what can be seen of a rollout, until it has ended; gives the last."""


def run_demo(
    options: DemoOptions, progress: Progress, show: Show, report: Callable[[DemoResult], None] = lambda result: None
) -> DemoResult:
    """Runs every act and ends every process that it started. Raises what goes wrong in any of them.

    report: called with the result while all of it still runs; with a console it then runs until Ctrl-C.
    """
    stopwatch = _Stopwatch()
    with stopwatch.time("data"):
        subject = choose_subject(
            options.task, options.state, options.data, options.synthetic, options.recipe, options.overrides
        )
    progress.say(f"data: {subject.description}")
    with Servers(options.state / "logs") as servers:
        with stopwatch.time("start the registry"):
            registry = _start_registry(servers, options)
        progress.say(f"registry: {registry}, keeping everything in {options.state / 'registry'}")
        with stopwatch.time("train"):
            bundle, clips, more = _train(options, subject, registry, progress)
        with stopwatch.time("publish and promote"):
            gates, overridden = _publish(bundle, registry, subject, options.state / "signing.pem")
        progress.say(f"registry: {bundle.manifest.name} published, {_ENVIRONMENT} points to it")
        with stopwatch.time("start the server"):
            server = _start_servers(servers, options, subject.task, registry, DEVICES[:1])[DEVICES[0]]
            _wait_for_bundle(server, bundle.digest)
        progress.say(f"server: SERVING at {server}, with {options.serve_python}")
        with stopwatch.time("classify"):
            answers, variant = _classify(server, subject.task, bundle, clips)
        rollout = None
        if options.rollout:
            with stopwatch.time("rollout"):
                addresses = _start_servers(servers, options, subject.task, registry, DEVICES[1:])
                for address in addresses.values():
                    _wait_for_bundle(address, bundle.digest)
                addresses = {DEVICES[0]: server, **addresses}
                rollout = run_rollout(
                    registry, addresses, bundle, clips, _ENVIRONMENT, options.state, progress.say, show
                )
        console, url, waiting = None, "", 0
        if options.console:
            with stopwatch.time("open the console"):
                waiting = bring_examples(registry, server, DEVICES[0], subject.task, more)
                console, url = start_console(
                    servers, options.console_python, options.state, registry, {DEVICES[0]: server}, _START_SECONDS
                )
        result = DemoResult(
            synthetic=subject.synthetic,
            trained_on=subject.trained_on,
            task=subject.task,
            recipe=subject.recipe or "the task's own",
            version=str(bundle.manifest.version),
            digest=bundle.digest,
            variant=variant,
            gates=gates,
            gates_overridden=overridden,
            metrics={name: metric.value for name, metric in bundle.manifest.metrics.items()},
            answers=tuple(answers),
            bundle=bundle.path,
            seconds=stopwatch.seconds,
            rollout=rollout,
            registry=registry,
            console=url,
            waiting=waiting,
        )
        report(result)
        if console is not None:
            stay(console)
    return result


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, act: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.seconds[act] = round(time.monotonic() - begin, 2)


def _start_registry(servers: Servers, options: DemoOptions) -> str:
    port = free_port()
    environment = {
        "PIPIT_REGISTRY_STORE": str(options.state / "registry"),
        "PIPIT_REGISTRY_PORT": str(port),
        "PIPIT_REGISTRY_METRICS_PORT": "0",
        "PIPIT_REGISTRY_LOG_FORMAT": "console",
    }
    server = servers.start("registry", [str(options.registry_python), "-m", "model_registry"], environment)
    wait_until_serving(server, f"127.0.0.1:{port}", "", _START_SECONDS)
    return f"127.0.0.1:{port}"


def _train(
    options: DemoOptions, subject: Subject, registry: str, progress: Progress
) -> tuple[Bundle, list[Clip], list[Clip]]:
    """The bundle, clips that it was not trained on, and more of them for the console."""
    trainer = subject.trainer()
    with open_run(trainer, options.state / "runs", progress) as run:
        with RegistryClient(registry) as client:
            published = published_versions(client, subject.task)
        _, folder = run_training(trainer, run, published=published)
        assert folder is not None  # the last step made it
        bundle = open_bundle(folder)
        labels = bundle.manifest.labels
        more = unseen_clips(run, trainer, labels, _EACH_TO_LABEL) if options.console else []
        return bundle, unseen_clips(run, trainer, labels, options.each), more


def _publish(bundle: Bundle, registry: str, subject: Subject, key: Path) -> tuple[tuple[GateResult, ...], bool]:
    """key: of the demo's own, made where it is missing."""
    if not key.exists():
        make_key(key)
    task, version = bundle.manifest.task, str(bundle.manifest.version)
    with RegistryClient(registry) as client:
        publish_signed(client, bundle.path, CliSettings(signing_key=key))
    with FleetClient(registry) as fleet:
        # At once, for nobody is there to be watched; and in place of what a demo before may have left open.
        promote = partial(fleet.start_rollout, task, version, _ENVIRONMENT, profile="now", supersede=True)
        try:
            return promote(reason="demo").gates, False
        except GatesFailed as refusal:
            reason = f"demo, on {subject.description}; the gates say: {refusal}"[:500]
            return promote(reason=reason, override_gates=True).gates, True


def _start_servers(
    servers: Servers, options: DemoOptions, task: str, registry: str, devices: Sequence[str]
) -> dict[str, str]:
    """host:port of a server for each device, once all of them serve."""
    started = {}
    for device in devices:
        port = free_port()
        environment = {
            "PIPIT_SERVING_REGISTRY": registry,
            # The demo's own registry asks for neither, whatever others do.
            **dict.fromkeys(("PIPIT_CA", "PIPIT_CERTIFICATE", "PIPIT_KEY", "PIPIT_TOKEN"), ""),
            "PIPIT_SERVING_TASKS": task,
            "PIPIT_SERVING_ENVIRONMENT": _ENVIRONMENT,
            "PIPIT_SERVING_DEVICE_ID": device,
            "PIPIT_SERVING_CACHE_DIR": str(options.state / "cache" / device),
            "PIPIT_SERVING_PORT": str(port),
            "PIPIT_SERVING_METRICS_PORT": "0",
            "PIPIT_SERVING_LOG_FORMAT": "console",
        }
        command = [str(options.serve_python), "-m", "pipit.serving"]
        started[device] = f"127.0.0.1:{port}", servers.start(f"server of {device}", command, environment)
    for address, server in started.values():
        wait_until_serving(server, address, task, _START_SECONDS)
    return {device: address for device, (address, _) in started.items()}


def _wait_for_bundle(server: str, digest: str) -> None:
    """A server that was started before serves from its cache at once, and swaps when the registry has told it."""
    deadline = time.monotonic() + _START_SECONDS
    with Client(server) as client:
        while not any(model.identity and model.identity.digest == digest for model in client.models()):
            if time.monotonic() > deadline:
                raise Unavailable(f"the server at {server} did not take up bundle {digest[:12]}; see its log")
            time.sleep(_POLL_SECONDS)


def _classify(server: str, task: str, bundle: Bundle, clips: list[Clip]) -> tuple[list[AnsweredClip], str]:
    answers = []
    variant = ""
    with Client(server, task=task, version=str(bundle.manifest.version), top_k=1) as client:
        for clip in clips:
            begin = time.perf_counter()
            answer = client.classify(clip.path)
            seconds = time.perf_counter() - begin
            variant = answer.model.variant
            answers.append(_judge(clip, answer, bundle, seconds))
    return answers, variant


def _judge(clip: Clip, answer: Answer, bundle: Bundle, seconds: float) -> AnsweredClip:
    """A clip of several windows says what `pipit.answers` makes of them; unknown ones show their best score."""
    background = bundle.manifest.decision.background
    expected = clip.expected(bundle.manifest)
    top = said(answer.predictions)
    shown = answer.predictions[0].scores[0] if top is None else top
    return AnsweredClip(
        file=clip.path,
        category=clip.category,
        expected=expected,
        label=shown.label,
        score=round(shown.score, 4),
        detected=shown.detected,
        right=shown.label == expected if top is not None else expected == background,
        server_ms=round(answer.times.total * 1000, 2),
        round_trip_ms=round(seconds * 1000, 2),
    )
