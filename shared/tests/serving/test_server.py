"""What surrounds the answers: health, reflection, metrics, start and stop."""

from __future__ import annotations

import queue
import socket
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.metrics import metric_definitions
from pipit.rpc.client import open_channel
from pipit.serving.attempts import Desired
from pipit.serving.loading import STEPS
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from prometheus_client.parser import text_string_to_metric_families
from tiny import REQUEST, TASK
from tiny_server import MakeBundle, Serve, Until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def test_health_is_not_serving_until_the_model_is_proven(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    gate = threading.Event()
    bundle = make_bundle()
    running = serve(wait=False, bundle=(make_bundle("0.9.0", golden_sign=-1.0).path,))
    host = running.server.hosts[TASK]
    until(lambda: "0.9.0 was refused" in host.status().reason)

    def fetch() -> Path:
        assert gate.wait(30)
        return bundle.path

    assert [running.health_of(service) for service in ("", TASK)] == ["NOT_SERVING"] * 2
    # Not to be restarted for that.
    assert running.health_of("liveness") == "SERVING"
    host.desire(Desired("1.0.0", bundle.digest, fetch))
    assert running.health_of(TASK) == "NOT_SERVING"
    (model,) = running.calls.ListModels(pb.ListModelsRequest(), timeout=30).models
    assert model.state == pb.Model.STATE_LOADING
    gate.set()
    services = (TASK, "", "pipit.inference.v1.InferenceService", "inference.GRPCInferenceService")
    until(lambda: [running.health_of(service) for service in services] == ["SERVING"] * 4)


def test_each_task_has_its_own_health(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    running = serve(wait=False, bundle=(make_bundle().path, make_bundle(task="test.bad", golden_sign=-1.0).path))
    until(lambda: "refused" in running.server.hosts["test.bad"].status().reason)
    until(lambda: running.health_of(TASK) == "SERVING")
    assert running.health_of("test.bad") == "NOT_SERVING"
    assert running.health_of("") == "NOT_SERVING"
    with pytest.raises(grpc.RpcError) as caught:
        running.health_of("no.such")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_watches_of_health_hold_no_threads_and_hear_every_change(serve: Serve, until: Until) -> None:
    running = serve(concurrency=1, queue=0, streams=1)
    watches = [running.health.Watch(health_pb2.HealthCheckRequest(service=TASK)) for _ in range(40)]
    assert [next(watch).status for watch in watches] == [SERVING] * 40
    # Far more than there are threads, and calls of every kind still find one.
    assert len(running.calls.Classify(REQUEST, timeout=30).predictions) == 1
    assert running.server.streams.open_streams == 0
    stopping = threading.Thread(target=running.server.stop, args=(30.0,))
    stopping.start()
    assert [next(watch).status for watch in watches] == [NOT_SERVING] * 40
    for watch in watches:
        watch.cancel()
    stopping.join(30)
    assert not stopping.is_alive()


def test_reflection_lists_the_services(serve: Serve) -> None:
    running = serve()
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    ask = reflection_pb2.ServerReflectionRequest
    (answer,) = stub.ServerReflectionInfo(iter([ask(list_services="")]), timeout=30)
    assert {service.name for service in answer.list_services_response.service} == {
        "pipit.inference.v1.InferenceService",
        "pipit.faces.v1.FaceService",
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    (answer,) = stub.ServerReflectionInfo(
        iter([ask(file_containing_symbol="pipit.inference.v1.InferenceService")]), timeout=30
    )
    assert len(answer.file_descriptor_response.file_descriptor_proto) >= 1


def test_reflection_can_be_left_out(serve: Serve) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(serve(reflection=False).channel)
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=30))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def scrape(running: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{running.server.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=30) as response:
        text = response.read().decode()
    families = {}
    for family in text_string_to_metric_families(text):
        families[family.name + ("_total" if family.type == "counter" else "")] = family
    return families


def test_the_endpoint_exposes_just_what_the_file_lists(serve: Serve) -> None:
    running = serve()
    running.calls.Classify(REQUEST, timeout=30)
    with pytest.raises(grpc.RpcError):
        running.calls.Classify(pb.ClassifyRequest(), timeout=30)
    families = scrape(running)
    listed = {entry.name: entry for entry in metric_definitions() if "inference" in entry.processes}
    assert {name: family.type for name, family in families.items()} == {
        name: entry.type for name, entry in listed.items()
    }
    assert {name: family.documentation for name, family in families.items()} == {
        name: entry.help for name, entry in listed.items()
    }
    for name, family in families.items():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(listed[name].labels), name
        if listed[name].buckets and family.samples:
            ends = {sample.labels["le"] for sample in family.samples if "le" in sample.labels}
            assert ends == {str(float(end)) for end in listed[name].buckets} | {"+Inf"}, name
    with_samples = {name for name, family in families.items() if family.samples}
    # This bundle expects nothing, and nothing happened that the others count.
    expectations = {"pipit_latency_budget_seconds", "pipit_score_reference_ratio"}
    people = {"pipit_gallery_people", "pipit_gallery_revision"}
    # It follows no registry, and so has no part in rollouts.
    rollouts = {"pipit_replayed_total", "pipit_shadow_answers_total", "pipit_shadow_disagreements_total"}
    kept = {f"pipit_examples_{name}" for name in ("kept_total", "left_out_total", "sent_total", "waiting_bytes")}
    never = {"pipit_feedback_total", "pipit_reports_total", "pipit_worker_ends_total"}
    assert set(listed) - with_samples == never | rollouts | expectations | people | kept


def test_what_has_not_happened_yet_is_shown_as_nothing(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    running = serve(bundle=(make_bundle(golden_sign=-1.0).path,), wait=False)
    value = running.server.metrics.registry.get_sample_value
    until(lambda: value("pipit_golden_failures_total", {"task": TASK}) == 1.0)
    assert value("pipit_model_ready", {"task": TASK}) == 0.0
    outcomes = ("swapped", "prefetched", "overtaken", *STEPS, "fault")
    loads = {outcome: value("pipit_model_loads_total", {"task": TASK, "outcome": outcome}) for outcome in outcomes}
    assert loads == dict.fromkeys(outcomes, 0.0) | {"golden": 1.0}


def test_metrics_tell_what_happened(serve: Serve, until: Until) -> None:
    running = serve()
    for _ in range(3):
        running.calls.Classify(REQUEST, timeout=30)
    unknown = pb.ClassifyRequest(input=REQUEST.input, model=pb.ModelSelector(task="no.such"))
    for bad in (pb.ClassifyRequest(), unknown):
        with pytest.raises(grpc.RpcError):
            running.calls.Classify(bad, timeout=30)
    value = running.server.metrics.registry.get_sample_value
    version = {"task": TASK, "version": "1.0.0"}
    assert value("pipit_requests_total", version | {"code": "OK"}) == 3.0
    assert value("pipit_requests_total", {"task": "", "version": "", "code": "NOT_FOUND"}) == 1.0
    assert value("pipit_requests_total", {"task": TASK, "version": "", "code": "INVALID_ARGUMENT"}) == 1.0
    for stage in ("decode", "queue", "run", "interpret"):
        assert value("pipit_stage_seconds_count", version | {"stage": stage}) == 3.0
    stages = [value("pipit_stage_seconds_sum", version | {"stage": s}) for s in ("decode", "queue", "run", "interpret")]
    assert value("pipit_request_seconds_count", version) == 3.0
    assert value("pipit_request_seconds_sum", version) == pytest.approx(sum(part or 0.0 for part in stages))
    assert value("pipit_labels_total", version | {"label": "high"}) == 3.0
    assert value("pipit_labels_total", version | {"label": "low"}) == 0.0
    assert value("pipit_score_count", version) == 3.0
    assert value("pipit_score_bucket", version | {"le": "0.3"}) == 0.0
    assert value("pipit_score_bucket", version | {"le": "0.4"}) == 3.0
    assert value("pipit_batch_rows_sum", version) == 3.0
    assert value("pipit_model_ready", {"task": TASK}) == 1.0
    assert value("pipit_queue_depth") == 0.0
    call = {"grpc_type": "unary", "grpc_service": "pipit.inference.v1.InferenceService", "grpc_method": "Classify"}
    assert value("grpc_server_started_total", call) == 5.0
    until(lambda: value("grpc_server_handled_total", call | {"grpc_code": "INVALID_ARGUMENT"}) == 1.0)
    until(lambda: value("grpc_server_handled_total", call | {"grpc_code": "OK"}) == 3.0)


def test_a_stop_lets_what_has_begun_and_what_waits_end(serve: Serve, until: Until) -> None:
    running = serve(concurrency=1, queue=4)
    running.gate.close()
    held = [running.calls.Classify.future(pb.ClassifyRequest(input=pb.Input(image=b"held"))) for _ in range(3)]
    running.gate.wait_entered(1)
    until(lambda: running.server.admission.waiting == 2)
    stopping = threading.Thread(target=running.server.stop, args=(30.0,))
    stopping.start()
    until(lambda: running.server.plane.is_draining)
    assert stopping.is_alive()
    running.gate.open()
    assert [answer.result(30).model.version for answer in held] == ["1.0.0"] * 3
    stopping.join(30)
    assert not stopping.is_alive()
    with pytest.raises(grpc.RpcError) as caught:
        running.calls.Classify(REQUEST, timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_streams_are_told_that_the_server_stops(serve: Serve, until: Until) -> None:
    running = serve()
    requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
    stream = running.calls.ClassifyStream(iter(requests.get, None))
    requests.put(pb.ClassifyStreamRequest(request=REQUEST))
    assert next(stream).response.model.version == "1.0.0"
    stopping = threading.Thread(target=running.server.stop, args=(30.0,))
    stopping.start()
    until(lambda: running.server.plane.is_draining)
    requests.put(pb.ClassifyStreamRequest(request=REQUEST))
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "shutting down" in caught.value.details()
    requests.put(None)
    stopping.join(30)
    assert not stopping.is_alive()


def test_what_does_not_end_within_the_grace_period_is_cut_off(serve: Serve, until: Until) -> None:
    running = serve()
    requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
    stream = running.calls.ClassifyStream(iter(requests.get, None))
    requests.put(pb.ClassifyStreamRequest(request=REQUEST))
    assert next(stream).response.model.version == "1.0.0"
    running.server.stop(0.1)
    with pytest.raises(grpc.RpcError):
        next(stream)
    requests.put(None)
    until(lambda: running.server.streams.open_streams == 0)


def test_calls_are_encrypted_where_there_is_a_certificate(
    serve: Serve, make_certificate: Callable[..., tuple[Path, Path]]
) -> None:
    public, private = make_certificate()
    running = serve(tls_certificate=public, tls_key=private)
    with open_channel(f"127.0.0.1:{running.server.port}", ca=public) as channel:
        answer = inference_pb2_grpc.InferenceServiceStub(channel).Classify(REQUEST, timeout=30)
    assert answer.model.version == "1.0.0"
    with pytest.raises(grpc.RpcError) as caught:
        running.calls.Classify(REQUEST, timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_that_is_not_there_is_said(make_bundle: MakeBundle) -> None:
    settings = ServingSettings(
        bundle=(make_bundle().path,), port=0, tls_certificate=Path("/nowhere"), tls_key=Path("/nowhere")
    )
    with pytest.raises(InvalidInput, match="/nowhere can't be read"):
        InferenceServer(settings).start()


@pytest.fixture
def taken(serve: Serve) -> Any:
    return serve()


@pytest.mark.parametrize("which", ["port", "metrics_port"])
def test_where_a_port_is_taken_it_refuses_to_start_and_leaves_nothing_behind(
    taken: Any, make_bundle: MakeBundle, which: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other: int = free.getsockname()[1]
    ports = {"port": other, "metrics_port": other} | {which: getattr(taken.server, which)}
    server = InferenceServer(ServingSettings(bundle=(make_bundle("2.0.0").path,), **ports))
    threads = set(threading.enumerate())
    with pytest.raises(Unavailable, match=f"can't listen on 127.0.0.1:{ports[which]}"):
        server.start()
    # Timers are of tests before, which forget pictures for example.
    left = set(threading.enumerate()) - threads
    assert [thread for thread in left if not isinstance(thread, threading.Timer)] == []
    socket.create_server(("127.0.0.1", other)).close()


def test_directories_that_can_not_be_served_are_refused_at_the_start(make_bundle: MakeBundle, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a bundle"):
        InferenceServer(ServingSettings(bundle=(tmp_path / "none",)))
    one, two = make_bundle("1.0.0"), make_bundle("2.0.0")
    with pytest.raises(InvalidInput, match=f"two bundles of the task {TASK}"):
        InferenceServer(ServingSettings(bundle=(one.path, two.path)))
