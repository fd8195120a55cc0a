"""Runs one tiny thing with one library, in a process of its own: a library built for another processor kills it.

    python -m pipit.cli.probe litert      prints nothing and ends with 0 if the answer is right

Which libraries its trainers need, a domain says in its `pyproject.toml`, by a name and a `Probe`:

    [project.entry-points."pipit.checks"]
    tensorflow = "pipit.cli.probe:TENSORFLOW"

The networks multiply a row of two by [[1, 2], [3, 4]].
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

import numpy as np

GROUP = "pipit.checks"
_ONNX = (
    "CAgSADpfChEKAXgKAXcSAXkiBk1hdE11bBIBdCobCAIIAhABQgF3ShAAAIA/AAAAQAAAQEAAAIBAWhQKAXgSDwoNCAESCQoDEgFuCgIIAmIU"
    "CgF5Eg8KDQgBEgkKAxIBbgoCCAJCBAoAEA0="
)
_LITERT = (
    "HAAAAFRGTDMUACAAHAAYABQAEAAMAAAACAAEABQAAAAcAAAAhAAAANwAAACwAQAAwAEAADADAAADAAAAAQAAABAAAAAAAAoAEAAMAAgABAAK"
    "AAAADAAAABwAAAA0AAAADwAAAHNlcnZpbmdfZGVmYXVsdAABAAAABAAAAKT///8CAAAABAAAAAEAAAB5AAAAAQAAAAQAAADm/v//BAAAAAEA"
    "AAB4AAAAAgAAADQAAAAEAAAA3P///wUAAAAEAAAAEwAAAENPTlZFUlNJT05fTUVUQURBVEEACAAMAAgABAAIAAAABAAAAAQAAAATAAAAbWlu"
    "X3J1bnRpbWVfdmVyc2lvbgAGAAAA0AAAAMgAAACoAAAAmAAAAHQAAAAEAAAAbv///wQAAABgAAAAEAAAAAAAAAAIAA4ACAAEAAgAAAAQAAAA"
    "JAAAAAAABgAIAAQABgAAAAQAAAAAAAAADAAYABQAEAAMAAQADAAAAKcl5ei7JQLRAwAAAAIAAAAEAAAABgAAADIuMjEuMAAA2v///wQAAAAQ"
    "AAAAMS41LjAAAAAAAAAAAAAAAAQABgAEAAAAAAAGAAgABAAGAAAABAAAABAAAAAAAIA/AABAQAAAAEAAAIBAnP7//6D+//8PAAAATUxJUiBD"
    "b252ZXJ0ZWQuAAEAAAAUAAAAAAAOABgAFAAQAAwACAAEAA4AAAAUAAAAHAAAAGAAAABkAAAAaAAAAAQAAABtYWluAAAAAAEAAAAUAAAAAAAO"
    "ABQAAAAQAAwACwAEAA4AAAAQAAAAAAAACAwAAAAQAAAAIP///wEAAAACAAAAAwAAAAAAAAABAAAA/////wEAAAACAAAAAQAAAAAAAAADAAAA"
    "mAAAAEgAAAAEAAAAiv///wAAAAEQAAAAEAAAAAMAAAAgAAAAdP///xEAAABQYXJ0aXRpb25lZENhbGw6MAAAAAIAAAABAAAAAgAAAMr///8A"
    "AAABEAAAABAAAAACAAAAFAAAALT///8GAAAATWF0TXVsAAACAAAAAgAAAAIAAAAAABYAGAAUAAAAEAAMAAgAAAAAAAAABwAWAAAAAAAAARQA"
    "AAAUAAAAAQAAACQAAAAEAAQABAAAABMAAABzZXJ2aW5nX2RlZmF1bHRfeDowAAIAAAABAAAAAgAAAAEAAAAQAAAADAAMAAsAAAAAAAQADAAA"
    "AAkAAAAAAAAJ"
)


def probe_litert() -> None:
    """LiteRT loads a network and computes."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 (each probe needs only its own library)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matmul.tflite"
        path.write_bytes(base64.b64decode(_LITERT))
        network = Interpreter(str(path))
        network.allocate_tensors()
        network.set_tensor(network.get_input_details()[0]["index"], np.ones((1, 2), np.float32))
        network.invoke()
        _expect(network.get_tensor(network.get_output_details()[0]["index"]), [[4, 6]])


def probe_onnx() -> None:
    """ONNX Runtime loads a network and computes."""
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(base64.b64decode(_ONNX), providers=["CPUExecutionProvider"])
    _expect(session.run(["y"], {"x": np.ones((3, 2), np.float32)})[0], [[4, 6]] * 3)


def probe_audio() -> None:
    """FLAC and Ogg Vorbis can be written and read, and a second of sound be resampled."""
    import soundfile  # noqa: PLC0415
    import soxr  # noqa: PLC0415

    tone = np.sin(np.arange(44_100, dtype=np.float32) * 0.05)
    for form in ("FLAC", "OGG"):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone, 44_100, format=form)
        buffer.seek(0)
        samples, rate = soundfile.read(buffer, dtype="float32")
        _expect(np.array([rate, len(samples)]), [44_100, 44_100])
    _expect(np.array([len(soxr.resample(tone, 44_100, 22_050))]), [22_050])


def probe_tensorflow() -> None:
    """TensorFlow computes."""
    import tensorflow  # noqa: PLC0415

    product = tensorflow.linalg.matmul([[1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]])
    _expect(product.numpy(), [[4, 6]])


def probe_torch() -> None:
    """PyTorch computes."""
    import torch  # noqa: PLC0415

    _expect(torch.matmul(torch.ones(1, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])).numpy(), [[4, 6]])


@dataclass(frozen=True, slots=True)
class Probe:
    """distribution: what brings the library. title: its name, for people. run: raises if it does not work."""

    distribution: str
    title: str
    run: Callable[[], None]


TENSORFLOW = Probe("tensorflow", "TensorFlow", probe_tensorflow)
PYTORCH = Probe("torch", "PyTorch", probe_torch)
RUNTIMES = {
    "litert": Probe("ai-edge-litert", "LiteRT", probe_litert),
    "onnx": Probe("onnxruntime", "ONNX Runtime", probe_onnx),
    "audio": Probe("soundfile", "audio files", probe_audio),
}
"""Those that serving needs, by the extra of `shared` that installs them."""


def load_probe(name: str) -> Probe:
    """One of RUNTIMES, or what a domain registered under that name."""
    if name in RUNTIMES:
        return RUNTIMES[name]
    (probe, *_) = (point.load() for point in entry_points(group=GROUP, name=name))
    return cast(Probe, probe)


def _expect(found: object, expected: object) -> None:
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


if __name__ == "__main__":
    load_probe(sys.argv[1]).run()
