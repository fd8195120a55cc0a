"""Versions that would take the server down, or keep it busy for ever: the old one answers all the time.

Servers here prove in child processes, as on a device.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.fleet import State
from pipit.proving import Limits
from pipit.serving.attempts import Desired, Part
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from tiny import REQUEST, TASK
from tiny_server import MakeBundle, Until, desired

SCORES = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 3])
X = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])


def graph(nodes: list[Any], constants: dict[str, Any]) -> bytes:
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "attack", [X], [SCORES], initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def takes_memory(gibibytes: int) -> bytes:
    """Fills so much with ones while it runs. Of 200 bytes."""
    weights = np.zeros((4, 3), np.float32)
    return graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["logits"]),
            # Not of constants alone, which would be computed while it is loaded.
            helper.make_node("Cast", ["x"], ["integers"], to=TensorProto.INT64),
            helper.make_node("ReduceMax", ["integers"], ["least"], keepdims=0),
            helper.make_node("Add", ["least", "rows"], ["shape"]),
            helper.make_node("ConstantOfShape", ["shape"], ["ones"], value=helper.make_tensor("v", 1, [1], [1.0])),
            helper.make_node("ReduceMean", ["ones"], ["mean"], keepdims=0),
            helper.make_node("Add", ["logits", "mean"], ["scores"]),
        ],
        {"w": weights, "rows": np.array([gibibytes << 28], np.int64)},
    )


def never_ends() -> bytes:
    """A loop that counts up to 2^62."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Add", ["sum", "one"], ["more"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["rows", 3]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, ["rows", 3]),
        ],
        [numpy_helper.from_array(np.array(1.0, np.float32), "one")],
    )
    return graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["logits"]),
            helper.make_node("Loop", ["rounds", "true", "logits"], ["scores"], body=body),
        ],
        {"w": np.zeros((4, 3), np.float32), "rounds": np.array(1 << 62), "true": np.array(True)},
    )


@pytest.fixture
def server(
    make_bundle: MakeBundle, tiny_site: Path, tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InferenceServer]:
    """Serves 1.0.0."""
    monkeypatch.syspath_prepend(str(tiny_site))
    settings = ServingSettings(
        bundle=(make_bundle("1.0.0").path,),
        port=0,
        metrics_port=0,
        cache_dir=tmp_path / "cache",
        prove_mib=300,
        prove_seconds=60.0,
    )
    server = InferenceServer(settings)
    server.start()
    until(lambda: server.plane.is_ready)
    yield server
    server.stop(1.0)


@contextmanager
def asking(server: InferenceServer) -> Iterator[Callable[[], str]]:
    """Asks all the time; at the end, each call must have been answered by 1.0.0. Gives what `ListModels` says."""
    stop, versions, failures = threading.Event(), set[str](), list[grpc.RpcError]()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)

        def ask() -> None:
            while not stop.is_set():
                try:
                    versions.add(stub.Classify(REQUEST, timeout=30).model.version)
                except grpc.RpcError as error:
                    failures.append(error)
                stop.wait(0.01)

        def reason() -> str:
            (model,) = stub.ListModels(pb.ListModelsRequest(), timeout=30).models
            assert model.state == pb.Model.STATE_SERVING
            return str(model.reason)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield reason
        finally:
            stop.set()
            thread.join(30)
    assert (versions, failures) == ({"1.0.0"}, [])


def children() -> list[int]:
    """The child processes of this one that prove."""
    found = []
    for thread in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # It ended meanwhile.
            for child in thread.read_text().split():
                with suppress(OSError):
                    if "pipit.proving" in Path(f"/proc/{child}/cmdline").read_text():
                        found.append(int(child))
    return found


def test_a_graph_that_takes_memory_is_refused(server: InferenceServer, make_bundle: MakeBundle, until: Until) -> None:
    before = _peak()
    with asking(server) as reason:
        server.hosts[TASK].desire(desired(make_bundle("2.0.0", -1.0, weights=takes_memory(6))))
        until(lambda: "2.0.0 was refused" in reason())
        assert "refused at the step golden: it took over 300 MiB, the limit that PIPIT_SERVING_PROVE_MIB" in reason()
    # The graph takes 6 GiB; the little that this process takes meanwhile differs by machine.
    assert _peak() - before < 1 << 30


def _peak() -> int:
    """Bytes of this process's memory at most so far."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a_graph_that_never_ends_is_ended_by_the_deadline(
    server: InferenceServer, make_bundle: MakeBundle, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = SimpleNamespace(seconds=60.0, memory_bytes=Limits().memory_bytes)
    monkeypatch.setattr(server.hosts[TASK]._loader._prover, "_limits", limits)
    with asking(server) as reason:
        server.hosts[TASK].desire(desired(make_bundle("2.0.0", -1.0, weights=never_ends())))
        # However long a process takes here to start and to load it.
        until(lambda: "version 2.0.0 is at the step golden since " in reason())
        limits.seconds = 0.5
        until(lambda: "2.0.0 was refused" in reason())
        assert "refused at the step golden: it took over 0.5 s to load and prove" in reason()
    assert children() == []


def test_a_newer_wish_ends_a_graph_that_never_ends(
    server: InferenceServer, make_bundle: MakeBundle, until: Until
) -> None:
    host = server.hosts[TASK]
    with asking(server) as reason:
        host.desire(desired(make_bundle("2.0.0", -1.0, weights=never_ends())))
        until(lambda: "version 2.0.0 is at the step golden since " in reason())
        assert reason().endswith(" UTC; 1.0.0 goes on answering")
        assert len(children()) == 1
        # Back to the one that answers.
        host.desire(Desired("1.0.0", host.status().identity.digest, lambda: pytest.fail("it is here")))
        until(lambda: children() == [])
        assert reason() == ""
    host.desire(desired(make_bundle("3.0.0", -1.0)))
    until(lambda: host.status().identity.version == "3.0.0")
    loads = {"task": TASK, "outcome": "overtaken"}
    assert server.metrics.registry.get_sample_value("pipit_model_loads_total", loads) == 1.0


def test_a_stop_ends_a_graph_that_never_ends(server: InferenceServer, make_bundle: MakeBundle, until: Until) -> None:
    host = server.hosts[TASK]
    host.desire(desired(make_bundle("2.0.0", -1.0, weights=never_ends())))
    until(lambda: "at the step golden" in host.status().reason)
    server.stop(1.0)
    assert children() == []
    assert not host._thread.is_alive()


def test_what_would_abort_the_server_is_refused(server: InferenceServer, make_bundle: MakeBundle, until: Until) -> None:
    with asking(server) as reason:
        server.hosts[TASK].desire(desired(make_bundle("2.0.0", -1.0, pipeline="test.aborts")))
        until(lambda: "2.0.0 was refused" in reason())
        assert "refused at the step golden: the process that tried it was ended by SIGABRT" in reason()


def test_a_candidate_that_never_ends_gives_way_to_all_else_and_ends_with_its_rollout(
    server: InferenceServer, make_bundle: MakeBundle, until: Until
) -> None:
    host = server.hosts[TASK]
    bad = make_bundle("2.0.0", -1.0, weights=never_ends())
    good = Desired("1.0.0", host.status().identity.digest, lambda: pytest.fail("it is here"))
    with asking(server) as reason:
        host.desire(good, Part(1, "r-1", candidate=desired(bad)))
        until(lambda: [niceness(pid) - os.nice(0) for pid in children()] == [5])
        assert (reason(), host.report().candidate_state) == ("", State.PREFETCHING)
        host.desire(good, Part(2))
        until(lambda: children() == [])
    host.desire(good, Part(3, "r-2", candidate=desired(bad)))
    until(lambda: len(children()) == 1)
    third = make_bundle("3.0.0", -1.0)
    host.desire(desired(third), Part(4))
    until(lambda: host.status().identity.version == "3.0.0")
    assert children() == []


def niceness(pid: int) -> int:
    """0 for one that is gone."""
    try:
        return os.getpriority(os.PRIO_PROCESS, pid)
    except ProcessLookupError:
        return 0
