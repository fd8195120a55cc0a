"""Servers whose handlers do as little as can be: what gRPC itself costs, and what Pipit adds.

bare    a grpcio threaded server that answers every call with the same bytes
pipit   an inference server with all its parts; its pipeline gives a constant, its network copies one number
"""

from __future__ import annotations

import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np
import onnx
from nothing_pipeline import TASK, NothingPipeline
from onnx import TensorProto, helper
from pipit.bundle import Manifest, SemanticVersion, run_once, write_bundle, write_golden
from pipit.bundle.manifest import GoldenSamples, InputDescription, Lineage, PipelineReference, Variant
from pipit.inputs import Landmarks
from pipit.runtimes import load_runtime
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

METHOD = "/pipit.inference.v1.InferenceService/Classify"


def nothing_bundle(folder: Path) -> Path:
    """A bundle of that pipeline."""
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 1])  # noqa: E731
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "nothing", [value("x")], [value("y")])
    weights = folder / "nothing.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(weights))
    digest = "0" * 64
    manifest = Manifest(
        task=TASK,
        version=SemanticVersion("1.0.0"),
        model_type="nothing",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=("nothing",),
        input=InputDescription(kind="landmarks"),
        pipeline=PipelineReference(name=TASK),
        variants=(Variant(name="float32", runtime="onnx", file="nothing.onnx"),),
        default_variant="float32",
        golden=GoldenSamples(tolerance={"float32": 0.001}),
        lineage=Lineage(dataset_digest=digest, split_rule="none", config_digest=digest, code_version="0", seed=0),
        files={},
    )
    runtime = load_runtime(weights, "onnx")
    inputs = [Landmarks(np.zeros(1, np.float32))]
    golden = folder / "golden.npz"
    write_golden(golden, inputs, {"float32": [run_once(inputs[0], ("nothing",), NothingPipeline(manifest), runtime)]})
    return write_bundle(folder / "bundle", manifest, {"nothing.onnx": weights, "golden.npz": golden}).path


def serve_bare(port: int) -> None:
    """Until a signal."""
    server = grpc.server(ThreadPoolExecutor(8))
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
    service, _, method = METHOD[1:].partition("/")
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: handler})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    signal.sigwait({signal.SIGTERM})
    server.stop(1).wait()


def serve_pipit(port: int, metrics_port: int) -> None:
    """Until a signal."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ServingSettings(
            bundle=(nothing_bundle(Path(folder)),), port=port, metrics_port=metrics_port, concurrency=2
        )
        server = InferenceServer(settings, NothingPipeline)
        server.start()
        signal.sigwait({signal.SIGTERM})
        server.stop(1)


if __name__ == "__main__":
    # Blocked before any thread begins, so that the signal waits for `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    if sys.argv[1] == "bare":
        serve_bare(int(sys.argv[2]))
    else:
        serve_pipit(int(sys.argv[2]), int(sys.argv[3]))
