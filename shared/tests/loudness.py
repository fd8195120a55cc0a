"""A small task that is real in every part: it hears whether each second of a recording is loud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pipit.answers import predict
from pipit.bundle.manifest import Decision, InputDescription, Manifest, Metric, PipelineReference
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, Input, PcmAudio
from pipit.inputs.audio import AudioLimits, StreamWindows, cut_windows, decode_audio, resample
from pipit.training.recipe import Recipe
from pipit.training.run import Facts, Run
from pipit.training.score_histogram import score_histogram
from pipit.training.trainer import BundleDraft, VariantFile
from pipit.types import Decoded, Prediction, Tensors, TimeSpan

TASK = "test.loudness"
RATE = 8_000
"""Hz."""


class LoudnessPipeline:
    """Hears whether each second of a recording is loud."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def decode(self, item: Input) -> Decoded:
        if not isinstance(item, EncodedAudio | PcmAudio):
            raise InvalidInput("this task takes audio")
        samples, rate = decode_audio(item, AudioLimits())
        return self._features(*cut_windows(resample(samples, rate, RATE), RATE, 1.0, 1.0))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        return [
            predict(row, self._manifest.labels, self._manifest.decision, region)
            for row, region in zip(outputs["scores"], decoded.regions, strict=True)
        ]

    def open_stream(self) -> LoudnessStream:
        return LoudnessStream(self._features)

    @staticmethod
    def _features(rows: NDArray[np.float32], spans: Sequence[TimeSpan]) -> Decoded:
        return Decoded({"x": np.sqrt(np.mean(rows**2, axis=1, keepdims=True))}, tuple(spans))


class LoudnessStream:
    def __init__(self, features: Callable[..., Decoded]) -> None:
        self._windows = StreamWindows(RATE, 1.0, 1.0)
        self._features = features
        self.seconds = 0.0

    def takes(self, item: Input) -> bool:
        return isinstance(item, PcmAudio)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        assert isinstance(item, PcmAudio)
        self.seconds += len(item.samples) / item.sample_rate
        rows, spans = self._windows.push(item)
        return self._features(rows, spans) if len(rows) else None

    def finish(self) -> Decoded | None:
        rows, spans = self._windows.finish()
        return self._features(rows, spans) if len(rows) else None


def network(threshold: float) -> bytes:
    """scores = softmax([40 * (x - threshold), 0]): loud from an effective value of `threshold` on."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([[40.0, 0.0]], np.float32), "w"),
        numpy_helper.from_array(np.array([-40.0 * threshold, 0.0], np.float32), "b"),
    ]
    graph = helper.make_graph(
        nodes,
        "loudness",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 2])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def tone(seconds: float, amplitude: float) -> NDArray[np.float32]:
    time = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


class LoudnessTrainer:
    """Learns the threshold between the folders loud/ and quiet/; every third file tests."""

    recipe_type: ClassVar[type[Recipe]] = Recipe
    recipe_folder: ClassVar[Path] = Path(__file__).parent / "configs"
    default_recipe: ClassVar[str] = "plain"

    def __init__(self, recipe: Recipe, data: Path | None) -> None:
        self.recipe = recipe
        self._data = data

    def data_files(self) -> Mapping[str, Path]:
        folder = self.recipe.data[0].folder(self._data)
        return {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("*/*.wav"))}

    def prepare(self, run: Run) -> Facts:
        levels = {}
        for name, path in self.data_files().items():
            try:
                levels[name] = float(np.sqrt(np.mean(soundfile.read(path)[0] ** 2)))
            except soundfile.LibsndfileError as error:
                raise InvalidInput(f"{path} is no recording; take it out") from error
        entries = [
            {
                "name": name,
                "category": name.partition("/")[0],
                "level": level,
                "side": ("train", "train", "test")[n % 3],
            }
            for n, (name, level) in enumerate(levels.items())
        ]
        run.write_json("prepare", "clips.json", entries)
        return {"clips": len(entries)}

    def fit(self, run: Run) -> Facts:
        train = [entry for entry in run.read_json("prepare", "clips.json") if entry["side"] == "train"]
        means = [np.mean([e["level"] for e in train if e["category"] == name]) for name in ("loud", "quiet")]
        threshold = float(np.mean(means)) * self.recipe.optimiser.learning_rate * 1000
        run.write_json("fit", "threshold.json", threshold)
        return {"threshold": threshold}

    def evaluate(self, run: Run) -> Facts:
        threshold = run.read_json("fit", "threshold.json")
        test = [entry for entry in run.read_json("prepare", "clips.json") if entry["side"] == "test"]
        right = [(entry["level"] > threshold) == (entry["category"] == "loud") for entry in test]
        metric = Metric(value=float(np.mean(right)), samples=len(right))
        run.write_json("evaluate", "metrics.json", {"accuracy": metric.model_dump(mode="json")})
        return {"accuracy": metric.value, "samples": metric.samples}

    def export(self, run: Run) -> Facts:
        path = run.output("export") / "float32.onnx"
        path.write_bytes(network(run.read_json("fit", "threshold.json")))
        return {"float32_bytes": path.stat().st_size}

    def verify(self, run: Run) -> Facts:
        return {"difference": 0.0}

    def draft(self, run: Run) -> BundleDraft:
        metrics = run.read_json("evaluate", "metrics.json")
        return BundleDraft(
            labels=("loud", "quiet"),
            input=InputDescription(kind="audio", shape=(1,)),
            pipeline=PipelineReference(name=TASK),
            variants=(VariantFile("float32", "onnx", run.output("export") / "float32.onnx"),),
            decision=Decision(background="quiet", uncertain_margin=0.5),
            metrics={name: Metric.model_validate(value) for name, value in metrics.items()},
            golden=[PcmAudio(tone(1.0, level)[:, np.newaxis], RATE) for level in (0.5, 0.02)],
            best_scores=score_histogram(np.array([[0.95, 0.05], [0.3, 0.7]])),
            split_rule="every third file tests",
        )
