"""Versions take each other's place under load; what can't be vouched for never does."""

from __future__ import annotations

import gc
import queue
import re
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle.signing import generate_key, save_public_key
from pipit.errors import Unavailable
from pipit.serving.attempts import Attempt, Desired
from pipit.serving.types import ModelState
from structlog.testing import capture_logs
from tiny import REQUEST, TASK
from tiny_server import MakeBundle, Serve, Until, desired, version

BEST = {"1.0.0": "high", "2.0.0": "low"}


def reason(running: Any) -> str:
    (model,) = running.calls.ListModels(pb.ListModelsRequest(), timeout=30).models
    return str(model.reason)


def test_no_request_fails_while_versions_change_under_load(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    bundles = [make_bundle("1.0.0", 1.0), make_bundle("2.0.0", -1.0)]
    running = serve(bundle=(bundles[0].path,), concurrency=2, queue=64)
    host = running.server.hosts[TASK]
    stop, failures, answers = threading.Event(), list[Exception](), set[tuple[str, str]]()

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = running.calls.Classify(REQUEST, timeout=30)
                answers.add((answer.model.version, answer.predictions[0].scores[0].label))
            except grpc.RpcError as error:
                failures.append(error)

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    for number in range(1, 31):
        bundle = bundles[number % 2]
        host.desire(desired(bundle))
        until(lambda bundle=bundle: host.status().identity.digest == bundle.digest)
    stop.set()
    for caller in callers:
        caller.join(30)
    assert failures == []
    # Every answer came whole from one version.
    assert answers == set(BEST.items())


def test_the_old_network_is_freed(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    first, second = make_bundle("1.0.0", 1.0), make_bundle("2.0.0", -1.0)
    running = serve(bundle=(first.path,))
    host = running.server.hosts[TASK]
    model = host.lease()
    model.release()
    runtime, gone = model.runtime, weakref.ref(model)
    del model
    host.desire(desired(second))
    until(lambda: version(running) == "2.0.0")

    def is_closed() -> bool:
        try:
            runtime.run({"x": np.zeros((1, 4), np.float32)})
        except Unavailable:
            return True
        return False

    until(is_closed)

    def is_gone() -> bool:
        gc.collect()
        return gone() is None

    # Whoever closed it has yet to let it go.
    until(is_gone)


def test_a_request_that_began_with_the_old_version_ends_with_it(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    first, second = make_bundle("1.0.0", 1.0), make_bundle("2.0.0", -1.0)
    running = serve(bundle=(first.path,))
    host = running.server.hosts[TASK]
    freed = threading.Event()
    host.desire(desired(second))
    until(lambda: version(running) == "2.0.0")
    running.gate.close()
    held = running.calls.Classify.future(pb.ClassifyRequest(input=pb.Input(image=b"held")))
    running.gate.wait_entered(1)
    host.desire(desired(first, on_freed=freed.set))
    until(lambda: version(running) == "1.0.0")
    running.gate.open()
    assert held.result(30).model.version == "2.0.0"
    # The one that left last is freed; the one that answers is not.
    host.desire(desired(second))
    assert freed.wait(30)


def test_a_recording_goes_on_with_the_new_version_where_the_old_one_ended(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    first, second = make_bundle("1.0.0", 1.0), make_bundle("2.0.0", -1.0)
    running = serve(bundle=(first.path,))
    requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
    stream = running.calls.ClassifyStream(iter(requests.get, None))

    def say(*samples: float) -> None:
        pcm = pb.PcmAudio(
            samples=np.array(samples, "<f4").tobytes(),
            encoding=pb.PcmAudio.ENCODING_F32,
            sample_rate=8,
            channels=1,
        )
        requests.put(pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=pb.Input(pcm=pcm))))

    def hear() -> list[tuple[str, str, float, float]]:
        answer = next(stream).response
        return [
            (answer.model.version, p.scores[0].label, p.span.start_seconds, p.span.end_seconds)
            for p in answer.predictions
        ]

    say(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    assert hear() == [("1.0.0", "high", 0.0, 0.5)]
    running.server.hosts[TASK].desire(desired(second))
    until(lambda: version(running) == "2.0.0")
    say(0.1, 0.2, 0.3, 0.4)
    # The old one ends what it has heard (0.5 to 0.75 s, padded to its window), the new one begins at 0.75 s.
    assert hear() == [("1.0.0", "high", 0.5, 1.0)]
    assert hear() == [("2.0.0", "low", 0.75, 1.25)]
    requests.put(None)
    assert list(stream) == []


@pytest.mark.parametrize(
    ("spoil", "step", "text"),
    [
        ("golden", "golden", "golden sample 0, variant 'float32', prediction 0"),
        ("weights", "load", "not a model that ONNX Runtime can run"),
        ("flipped", "verify", "float32.onnx has SHA-256"),
        ("cut", "verify", "float32.onnx has"),
        ("missing", "verify", "float32.onnx is missing"),
        ("manifest", "verify", "was asked for"),
        ("pipeline", "load", "pipeline 'test.absent' is not installed here"),
    ],
)
def test_a_bad_version_leaves_the_good_one_serving_and_says_why(
    serve: Serve, make_bundle: MakeBundle, until: Until, spoil: str, step: str, text: str
) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,))
    host = running.server.hosts[TASK]
    freed = threading.Event()
    bad = make_bundle("2.0.0", -1.0, **SPOILT.get(spoil, {}))
    spoil_files(spoil, bad.path)
    host.desire(desired(bad, on_freed=freed.set))
    until(lambda: "2.0.0 was refused" in reason(running))
    assert reason(running).startswith(f"version 2.0.0 was refused at the step {step}: ")
    assert text in reason(running)
    assert reason(running).endswith("; 1.0.0 goes on answering")
    assert freed.wait(30)
    assert version(running) == "1.0.0"
    assert running.health_of(TASK) == "SERVING"
    registry = running.server.metrics.registry
    assert registry.get_sample_value("pipit_model_loads_total", {"task": TASK, "outcome": step}) == 1.0
    failures = {"task": TASK}
    until(lambda: registry.get_sample_value("pipit_golden_failures_total", failures) == float(step == "golden"))
    # A good one may come after it.
    good = make_bundle("3.0.0", -1.0)
    host.desire(desired(good))
    until(lambda: version(running) == "3.0.0")
    assert reason(running) == ""


SPOILT: dict[str, dict[str, Any]] = {
    "golden": {"golden_sign": 1.0},
    "pipeline": {"pipeline": "test.absent"},
    "weights": {"weights": b"these are no weights"},
}


def spoil_files(how: str, path: Path) -> None:
    weights = path / "float32.onnx"
    if how == "flipped":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:-10])
    elif how == "missing":
        weights.unlink()
    elif how == "manifest":
        manifest = path / "bundle.yaml"
        manifest.write_bytes(manifest.read_bytes() + b"tampered: true\n")


@pytest.mark.parametrize(
    ("signer", "text"), [("nobody", "is not signed"), ("stranger", "refused at the step signature"), ("owner", "")]
)
def test_where_a_key_is_trusted_only_its_bundles_serve(
    serve: Serve, make_bundle: MakeBundle, until: Until, tmp_path: Path, signer: str, text: str
) -> None:
    owner, stranger = generate_key(), generate_key()
    save_public_key(owner.public_key(), tmp_path / "owner.pub")
    bundle = make_bundle(key={"nobody": None, "stranger": stranger, "owner": owner}[signer])
    running = serve(wait=False, bundle=(bundle.path,), trusted_keys=(tmp_path / "owner.pub",))
    host = running.server.hosts[TASK]
    until(lambda: host.status().state is not ModelState.LOADING)
    assert (host.status().state is ModelState.SERVING) == (signer == "owner")
    assert text in host.status().reason
    until(lambda: running.health_of("") == ("SERVING" if signer == "owner" else "NOT_SERVING"))


def test_what_can_not_be_fetched_is_tried_again(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,))
    bundle = make_bundle("2.0.0", -1.0)
    attempts: list[str] = []

    def fetch() -> Path:
        attempts.append(running.server.hosts[TASK]._orders.reason)
        if len(attempts) == 1:
            raise Unavailable("the registry can't be reached")
        return bundle.path

    running.server.hosts[TASK].desire(Desired("2.0.0", bundle.digest, fetch))
    until(lambda: version(running) == "2.0.0")
    assert attempts == [
        "",
        "version 2.0.0 can't be fetched and will be tried again: the registry can't be reached",
    ]
    assert reason(running) == ""


def fail(*_: object) -> None:
    raise RuntimeError("a fault of somebody else")


def end_thread(*_: object) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("fault", [fail, end_thread])
def test_a_fault_of_the_server_is_told_and_tried_again(
    serve: Serve, make_bundle: MakeBundle, until: Until, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None]
) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,))
    host = running.server.hosts[TASK]
    freed = threading.Event()
    prepare, answers = host._loader.prepare, list[str]()

    def prepare_second_time(task: str, attempt: Attempt) -> Any:
        answers.append(host._orders.reason)
        if len(answers) == 1:
            fault()
        return prepare(task, attempt)

    monkeypatch.setattr(host._loader, "prepare", prepare_second_time)
    with capture_logs() as logs:
        host.desire(desired(make_bundle("2.0.0", -1.0), on_freed=freed.set))
        until(lambda: version(running) == "2.0.0")
    assert freed.is_set()
    assert re.fullmatch(
        "version 2.0.0 could not be loaded, by a fault of this server, and will be tried again: internal error "
        r"[0-9a-f]{12}; the server's log has more under this id",
        answers[1],
    )
    assert reason(running) == ""
    assert [entry["step"] for entry in logs if entry["event"] == "model_not_loaded"] == ["fault"]
    assert [type(entry["exc_info"]) for entry in logs if entry["event"] == "internal_error"] == [
        RuntimeError if fault is fail else SystemExit
    ]
    loads = {"task": TASK, "outcome": "fault"}
    assert running.server.metrics.registry.get_sample_value("pipit_model_loads_total", loads) == 1.0


@pytest.mark.parametrize("fault", [fail, end_thread])
def test_a_task_goes_on_whatever_those_do_who_are_told_of_its_versions(
    serve: Serve, make_bundle: MakeBundle, until: Until, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None]
) -> None:
    first, second = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    running = serve(bundle=(first.path,))
    host = running.server.hosts[TASK]
    monkeypatch.setattr(host, "_on_change", fault)
    with capture_logs() as logs:
        host.desire(desired(make_bundle("9.0.0", golden_sign=-1.0), on_freed=fault))
        until(lambda: "9.0.0 was refused" in reason(running))
        host.desire(desired(second, on_active=fault, on_freed=fault))
        until(lambda: version(running) == "2.0.0")
        model = host.lease()
        monkeypatch.setattr(model, "_free", fault)
        model.release()
        freed = threading.Event()
        host.desire(desired(first, on_freed=freed.set))
        until(lambda: version(running) == "1.0.0")
        host.desire(desired(make_bundle("3.0.0", -1.0)))
        assert freed.wait(30)
    assert version(running) == "3.0.0"
    # Of 9.0.0: that it was refused, its files. Of 2.0.0: that it changed, that it answers, its network, its files.
    # And that 1.0.0 and 3.0.0 changed.
    told = [entry["version"] for entry in logs if entry["event"] == "callback_failed"]
    assert sorted(told) == ["1.0.0", *["2.0.0"] * 4, "3.0.0", "9.0.0", "9.0.0"]


def test_a_newer_wish_overtakes_one_that_waits_to_be_tried_again(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,))
    tried = threading.Event()

    def fetch() -> Path:
        tried.set()
        raise Unavailable("away")

    host = running.server.hosts[TASK]
    host.desire(Desired("2.0.0", "f" * 64, fetch))
    assert tried.wait(30)
    host.desire(desired(make_bundle("3.0.0", -1.0)))
    until(lambda: version(running) == "3.0.0")
    assert reason(running) == ""


def test_going_back_to_the_version_that_answers_clears_the_reason(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    good, bad = make_bundle("1.0.0"), make_bundle("2.0.0", golden_sign=-1.0)
    running = serve(bundle=(good.path,))
    host = running.server.hosts[TASK]
    host.desire(desired(bad))
    until(lambda: "2.0.0 was refused" in reason(running))
    host.desire(desired(good))
    assert (version(running), reason(running)) == ("1.0.0", "")


def test_the_same_wish_again_loads_nothing(serve: Serve, make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    running = serve(bundle=(bundle.path,))
    host = running.server.hosts[TASK]
    before = host.lease()
    before.release()
    host.desire(desired(bundle))
    host.desire(Desired("1.0.0", bundle.digest, lambda: pytest.fail("it was fetched again")))
    assert version(running) == "1.0.0"
    assert host.is_current(before)


def test_metrics_name_what_is_desired_and_what_is_active_and_forget_what_is_long_gone(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,), device_id="attic")
    host = running.server.hosts[TASK]
    registry = running.server.metrics.registry

    def info(kind: str, bundle: Any, **more: str) -> float | None:
        labels = {"task": TASK, "device": "attic", "version": str(bundle.manifest.version), "digest": bundle.digest}
        return registry.get_sample_value(f"pipit_model_{kind}_info", labels | more)

    def requests(number: str) -> float | None:
        return registry.get_sample_value("pipit_requests_total", {"task": TASK, "version": number, "code": "OK"})

    assert version(running) == "1.0.0"
    second, third = make_bundle("2.0.0", -1.0), make_bundle("3.0.0", 1.0)
    for bundle in (second, third):
        host.desire(desired(bundle))
        until(lambda bundle=bundle: version(running) == str(bundle.manifest.version))
    bad = make_bundle("4.0.0", golden_sign=-1.0)
    host.desire(desired(bad))
    until(lambda: "4.0.0 was refused" in reason(running))
    assert info("active", third, variant="float32") == 1.0
    assert info("active", second, variant="float32") is None
    assert info("desired", bad) == 1.0
    assert info("desired", third) is None
    until(lambda: requests("1.0.0") is None)
    assert requests("2.0.0") >= 1.0
    assert requests("3.0.0") >= 1.0
