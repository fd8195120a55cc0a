"""The harness that compares servers, on the two that need no environment of their own, with a network of one layer."""

from __future__ import annotations

import functools
import importlib
import shutil
from pathlib import Path
from time import sleep, time
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pipit.bundle import Bundle, Manifest, run_once, write_bundle, write_golden
from pipit.pipelines import load_pipeline
from pipit.runtimes import load_runtime

pytestmark = pytest.mark.slow
LABELS = ("dog", "siren", "none")
SHAPE = (128, 216, 1)
MANIFEST = {
    "task": "home_security.sounds",
    "version": "1.0.0",
    "model_type": "one_layer",
    "created_at": "2026-11-21T00:00:00+00:00",
    "labels": LABELS,
    "input": {"kind": "audio"},
    "pipeline": {
        "name": "home_security.sounds",
        "parameters": {"front_end": "librosa_22k", "window_seconds": 5.0, "hop_seconds": 2.5},
    },
    "variants": [{"name": "int8", "runtime": "onnx", "file": "one_layer.onnx"}],
    "default_variant": "int8",
    "golden": {"tolerance": {"int8": 0.001}},
    "lineage": {
        **dict.fromkeys(("dataset_digest", "config_digest"), "0" * 64),
        **{"split_rule": "none", "code_version": "0", "seed": 0},
    },
    "files": {},
}


@pytest.fixture(scope="module")
def harness() -> Any:
    """`bench_peers`, which lies beside this file and in no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield importlib.import_module("bench_peers")


@pytest.fixture(scope="module")
def bundle(harness: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Of the task, with a network that takes no time to train or to run: logits are a product with fixed weights."""
    folder = tmp_path_factory.mktemp("one_layer")
    weights = np.random.default_rng(0).normal(0.0, 1e-4, (int(np.prod(SHAPE)), len(LABELS))).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["log_mel"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])],
        "one_layer",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["rows", *SHAPE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", len(LABELS)])],
        [numpy_helper.from_array(weights, "w")],
    )
    file = folder / "one_layer.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(file))
    manifest = Manifest.model_validate(MANIFEST)
    item = importlib.import_module("pipit.inputs").EncodedAudio(harness.recording())
    answer = run_once(item, LABELS, load_pipeline(manifest), load_runtime(file, "onnx"))
    write_golden(folder / "golden.npz", [item], {"int8": [answer]})
    return write_bundle(folder / "bundle", manifest, {file.name: file, "golden.npz": folder / "golden.npz"})


@pytest.fixture
def comparison(harness: ModuleType, bundle: Bundle, tmp_path: Path) -> Any:
    """Of loads of half a second, with two callers at once: a busy machine answers some call within each."""
    made = harness.Comparison(bundle.path, 0.5, (2,), tmp_path)
    made.settle_seconds = 0.5
    return made


@pytest.mark.parametrize("name", ["grpcio", "pipit"])
def test_servers_give_the_scores_that_this_process_computes(harness: ModuleType, comparison: Any, name: str) -> None:
    server = harness.SERVERS[name]
    calls = server.calls(comparison.inputs)
    with comparison.running(server, bundle=comparison.bundle, call=calls["clip"]) as started:
        assert set(calls["clip"].ask(started.port)) == set(LABELS)
        for kind in ("clip", "tensor"):
            comparison.check(kind, calls[kind], started)
        comparison.wanted["clip"] = dict.fromkeys(LABELS, 0.0)
        with pytest.raises(RuntimeError, match=r"not \{'dog': 0\.0"):
            comparison.check("clip", calls["clip"], started)


def test_a_server_that_says_something_else_is_not_measured(harness: ModuleType, comparison: Any) -> None:
    comparison.wanted["clip"] = {"dog": 1.0}
    with pytest.raises(RuntimeError, match=r"says .*siren.*not \{'dog': 1\.0\}"):
        next(comparison.measure("grpcio", 1))


@pytest.mark.parametrize("name", ["grpcio", "pipit"])
def test_a_round_measures_every_call_with_connections_of_their_own_and_a_shared_one(
    comparison: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("h2load") is None:
        pytest.skip("h2load is not installed; it is in Debian's package nghttp2-client")
    moments: list[float] = []

    def noted() -> float:
        moments.append(time())
        return moments[-1]

    monkeypatch.setattr("peer_load.time", noted)
    rows = list(comparison.measure(name, 1))
    # A busy machine ends a load later than it was meant to.
    windows = [ended - begun for begun, ended in zip(moments[::2], moments[1::2], strict=True)]
    assert [(row["call"], row["connections"]) for row in rows] == [
        (call, connections) for call in ("tensor", "clip", "empty") for connections in (2, 1)
    ]
    for row in rows:
        assert row["calls"] > 0
        assert row["calls"] / max(windows) - 0.1 <= row["requests_per_second"] <= row["calls"] / min(windows) + 0.1
        assert 0.0 < row["median_ms"] <= row["p95_ms"]
        assert row["pss_mib"] > 10.0
        assert row["start_s"] > 0.0
    assert sum(row["server_cpu_ms"] * row["calls"] for row in rows) > 0.0


def test_a_load_that_was_over_too_early_is_not_measured(
    harness: ModuleType, comparison: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("h2load") is None:
        pytest.skip("h2load is not installed; it is in Debian's package nghttp2-client")
    load, server = importlib.import_module("peer_load"), harness.SERVERS["grpcio"]
    # As on a machine that stands still for two seconds longer than it was to sleep: at the first load, and then at all.
    pauses = [0.0, 2.0]
    monkeypatch.setattr(load, "sleep", lambda seconds: sleep(seconds + (pauses.pop(0) if pauses else 0.0)))
    call = server.calls(comparison.inputs)["clip"]
    with comparison.running(server, bundle=comparison.bundle, call=call) as started:
        measure = functools.partial(load.load, call, started.port, started.processes, 2, False, 0.5, comparison.folder)
        assert measure().calls > 0
        assert not pauses
        pauses += [0.0, 2.0] * load.ATTEMPTS
        with pytest.raises(RuntimeError, match="the machine stood still in each of 5 loads"):
            measure()


def test_failing_calls_are_no_fast_calls(harness: ModuleType) -> None:
    load = importlib.import_module("peer_load")
    said = "requests: 9 total, 9 started, 9 done, 9 succeeded, {} failed, 0 errored, 0 timeout\n" + (
        "traffic: 1.0KB (1000) total, 100B (100) headers (space savings 90.00%), 9B ({}) data"
    )
    load.check(said.format(0, 900), 100)
    for failed, data in ((1, 900), (0, 0)):
        with pytest.raises(RuntimeError, match="calls failed"):
            load.check(said.format(failed, data), 100)


def test_the_table_has_medians_over_rounds(harness: ModuleType) -> None:
    tables = importlib.import_module("peer_tables")
    common = {"server": "grpcio", "call": "clip", "callers": 4, "connections": 4, "pss_mib": 80.0, "start_s": 0.5}
    rows = [
        {**common, "round": number, "requests_per_second": rate, "server_cpu_ms": cost}
        for number, (rate, cost) in enumerate([(100.0, 4.0), (1200.0, 4.2), (900.0, 9.0)])
    ]
    assert tables.table(rows).splitlines()[-1] == "| bare grpcio, 10 threads | 900 (4.2) | 80 | 0.5 |"


def test_rounds_during_which_something_else_was_busy_are_left_out_where_there_are_calm_ones(
    harness: ModuleType,
) -> None:
    tables = importlib.import_module("peer_tables")
    load = {"server": "grpcio", "call": "clip", "callers": 4, "connections": 4}
    calm, loud = {**load, "others_cores": "0.15"}, {**load, "others_cores": "0.9"}
    alone = {**load, "callers": 1, "others_cores": "1.2"}
    assert tables.calm([loud, calm, alone]) == [calm, alone]
