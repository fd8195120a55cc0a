"""`Classify` of a JPEG of 640 x 480 by `emotion.expression`, beside the same work in one process, and its parts.

    python tests/load/bench_emotion.py --bundle RUN/publish/bundle

Calls take turns, so that a busy machine slows all alike: read the ratios. The server runs in the environment that an
inference image has (`make .venv/serve-emotion/.ready`), whose packages are measured too. The picture is a photograph
that scikit-image carries; nothing of it is kept. Needs the networks (python -m pipit.data.landmark_networks).
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnx
from bench_landmarks import jpeg
from measure import milliseconds, side_by_side, write_csv
from numpy.typing import NDArray
from onnx import numpy_helper
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import Bundle, open_bundle
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_with_size
from pipit.inputs.landmarks import FaceAndBody
from pipit.runtimes import load_runtime
from pipit.runtimes.networks import open_pipeline
from servers import ROOT, inference_server
from skimage.data import astronaut

TASK = "emotion.expression"
TOOLS = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
UNWANTED = ("torch", "mediapipe", "cv2", "tensorflow", "lightning")
PI_GIGAFLOPS = 8.0
"""Of one core of a Pi 5 at 2.4 GHz in float32: a Cortex-A76 can do 38 (2 fused multiply-adds of 4 a cycle); small
convolutions reach about a fifth. An assumption, not a measurement."""
Row = dict[str, object]
Picture = NDArray[np.uint8]


def main() -> None:
    """Measures, and writes docs/measured/emotion_serving.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=newest_bundle(), help="of emotion.expression")
    parser.add_argument("--serve-python", type=Path, default=ROOT / ".venv/serve-emotion/bin/python")
    parser.add_argument("--calls", type=int, default=300, help="of each way")
    options = parser.parse_args()
    if options.bundle is None:
        parser.error("there is no bundle of emotion.expression below runs; make one by: pipit train emotion.expression")
    picture: Picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, 64:576] = astronaut()[:480]
    bundle = open_bundle(options.bundle)
    rows = [*times(bundle, picture, options.serve_python, options.calls), *operations(bundle)]
    write_csv("emotion_serving", [*rows, *packages(options.serve_python)], ("onnxruntime", "ai-edge-litert", "grpcio"))


def newest_bundle() -> Path | None:
    """The bundle that was trained last."""
    found = sorted((ROOT / "runs" / TASK).rglob("bundle/bundle.yaml"), key=lambda path: path.stat().st_mtime)
    return found[-1].parent if found else None


def times(bundle: Bundle, picture: Picture, python: Path, calls: int) -> list[Row]:
    """One caller, one thread a network. Ratios are of the whole in one process, call by call."""
    manifest = bundle.manifest
    data = jpeg(picture)
    variant = manifest.variant(manifest.default_variant)
    runtime = load_runtime(bundle.weights(variant.name), variant.runtime)
    networks = FaceAndBody.load()
    request = pb.ClassifyRequest(input=pb.Input(image=data))
    empty = pb.ClassifyRequest(input=pb.Input(tensor=_row_of_zeros(runtime)))
    with (
        open_pipeline(bundle) as pipeline,
        inference_server("--bundle", str(bundle.path), python=python) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        stub = inference_pb2_grpc.InferenceServiceStub(channel)
        decoded = pipeline.decode(EncodedImage(data))
        outputs = runtime.run(decoded.tensors)
        tracker = networks.open_stream(None, body=False)
        tracker.find(picture)

        def whole() -> object:
            found = pipeline.decode(EncodedImage(data))
            return pipeline.interpret(runtime.run(found.tensors), found)

        ways: dict[str, Callable[[], object]] = {
            "in one process": whole,
            "Classify": lambda: stub.Classify(request, timeout=60),
            "decode the JPEG": lambda: decode_with_size(EncodedImage(data), shorter_side=720),
            "landmarks of the face": lambda: networks.find(picture, faces=None, body=False),
            "landmarks of the face, next picture of a stream": lambda: tracker.find(picture),
            "landmarks of face and body": lambda: networks.find(picture, faces=None),
            f"network ({manifest.name})": lambda: runtime.run(decoded.tensors),
            "interpret": lambda: pipeline.interpret(outputs, decoded),
            "Classify of a ready tensor: transport and network": lambda: stub.Classify(empty, timeout=60),
        }
        seconds = side_by_side(ways, calls)
    runtime.close()
    seconds["what Classify adds"] = seconds["Classify"] - seconds["in one process"]
    base = np.median(seconds["in one process"])
    return [
        {
            "what": name,
            "value": milliseconds(values, 50),
            "unit": "ms",
            "p95": milliseconds(values, 95),
            "ratio": round(float(np.median(values) / base), 3),
            "samples": len(values),
        }
        for name, values in seconds.items()
    ]


def operations(bundle: Bundle) -> list[Row]:
    """Multiply-adds of the bundle's own network, and what they would take on a Pi 5."""
    count = multiply_adds(onnx.load(bundle.weights("float32")))
    milliseconds_on_pi = 2 * count / PI_GIGAFLOPS / 1e6
    return [
        _row("network: multiply-adds for a face", round(count / 1e6, 3), "million"),
        _row(f"network: estimate for a Pi 5 at {PI_GIGAFLOPS:g} GFLOP/s", round(milliseconds_on_pi, 3), "ms"),
    ]


def multiply_adds(model: Any) -> int:
    """Of convolutions and matrix products for one row."""
    for value in model.graph.input:
        # Known, so that the shapes that follow from it are known, too.
        value.type.tensor_type.shape.dim[0].dim_value = 1
    shapes = {
        value.name: [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        for inferred in (onnx.shape_inference.infer_shapes(model, data_prop=True).graph,)
        for value in (*inferred.value_info, *inferred.output, *inferred.input)
    }
    weights = {tensor.name: numpy_helper.to_array(tensor).shape for tensor in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            places = int(np.prod(shapes[node.output[0]][2:]))
            total += int(np.prod(weights[node.input[1]])) * places
        elif node.op_type in ("Gemm", "MatMul") and node.input[1] in weights:
            total += int(np.prod(weights[node.input[1]]))
    return total


def packages(python: Path) -> list[Row]:
    """What an inference environment holds on disk, bytecode included; without pip, which no image keeps."""
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    site = Path(json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True).stdout))
    sizes = {}
    for entry in site.iterdir():
        if entry.name.partition("-")[0] not in TOOLS:
            files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
            sizes[entry.name] = sum(path.stat().st_size for path in files)
    present = [name for name in UNWANTED if any(entry.lower().startswith(name) for entry in sizes)]
    if present:
        raise SystemExit(f"{python}: this environment holds {', '.join(present)}; no server needs that")
    largest = sorted(sizes, key=lambda name: -sizes[name])[:6]
    return [
        _row("packages of the inference environment", round(sum(sizes.values()) / 1e6, 1), "MB"),
        *(_row(f"  of it {name}", round(sizes[name] / 1e6, 1), "MB") for name in largest),
    ]


def _row_of_zeros(runtime: Any) -> pb.Tensor:
    (spec,) = runtime.inputs
    values = np.zeros((1, *spec.shape), "<f4")
    return pb.Tensor(name=spec.name, dtype="float32", shape=values.shape, data=values.tobytes())


def _row(what: str, value: float, unit: str) -> Row:
    return {"what": what, "value": value, "unit": unit, "p95": "", "ratio": "", "samples": 1}


if __name__ == "__main__":
    main()
