"""Faces and expressions in one process look at a picture once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from emotion.expression.classes import LABELS as EMOTIONS
from emotion.expression.pipeline import ExpressionPipeline
from home_security.faces.networks import Wanted, make_embedder
from home_security.faces.pipeline import FacesPipeline
from home_security.faces.recipe import NamingRecipe
from home_security.faces.settings import LABELS, FacesSettings
from home_security.faces.synthetic import draw_face, encoded
from pipit.bundle.manifest import Manifest, Network
from pipit.errors import Unavailable
from pipit.faces.embedding import unit_vectors
from pipit.faces.quality import QualityLimits
from pipit.landmark_networks import FOLDER, install
from pipit.landmarks.face import FaceFinder
from pipit.landmarks.memory import RECENT
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.pipelines.networks import open_networks
from pipit.runtimes import Runtime, load_runtime
from pipit.settings import LandmarkSettings, load_settings


@pytest.fixture
def networks() -> Iterator[dict[str, Runtime]]:
    try:
        install(FOLDER, load_settings(LandmarkSettings).landmarks_wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    paths = network_paths(body=False)
    files = {name: Network(runtime=RUNTIME, file=name) for name in paths}
    with open_networks(files, paths.__getitem__) as opened:
        yield opened


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the networks of faces were run. Nothing that they find is forgotten, however long a test takes."""
    counts: Counter[str] = Counter()
    begun = monotonic()
    monkeypatch.setattr(RECENT, "_clock", lambda: begun)
    for name in ("detect", "look"):
        method = getattr(FaceFinder, name)

        def counted(self: Any, *arguments: Any, _name: str = name, _method: Any = method, **options: Any) -> Any:
            counts[_name] += 1
            return _method(self, *arguments, **options)

        monkeypatch.setattr(FaceFinder, name, counted)
    return counts


def manifest(task: str, labels: tuple[str, ...], kind: str, parameters: dict[str, Any]) -> Manifest:
    return Manifest.model_validate(
        {
            "task": task,
            "version": "1.0.0",
            "model_type": "test",
            "created_at": "2026-11-28T00:00:00+00:00",
            "labels": list(labels),
            "input": {"kind": kind},
            "pipeline": {"name": task, "parameters": parameters},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "weights/float32.onnx"}],
            "default_variant": "float32",
            "golden": {"tolerance": {"float32": 0.01}},
            "lineage": {
                "dataset_digest": "0" * 64,
                "split_rule": "none",
                "config_digest": "0" * 64,
                "code_version": "0",
                "seed": 1,
            },
            "files": {},
        }
    )


def test_a_picture_for_both_tasks_is_searched_once(
    networks: dict[str, Runtime], runs: Counter[str], tmp_path: Path
) -> None:
    embedder = make_embedder("pixels", Wanted())
    embedder.write(tmp_path / "pixels.onnx")
    generator = np.random.default_rng(1)
    settings = FacesSettings(
        embedder.settings,
        "5" * 64,
        QualityLimits(),
        QualityLimits(),
        NamingRecipe().settings(),
        unit_vectors(generator.normal(size=(20, 128))),
    )
    faces = FacesPipeline(manifest("home_security.faces", LABELS, "image", settings.to_parameters()), networks)
    emotion = manifest("emotion.expression", EMOTIONS, "image", {"features": "aligned", "body": False})
    expressions = ExpressionPipeline(emotion, networks)
    item = encoded(np.concatenate([draw_face(1, generator), draw_face(2, generator)], axis=1))
    of_expressions = expressions.decode(item)
    once = dict(runs)
    assert once == {"detect": 1, "look": 2}
    found = faces.decode(item)
    assert dict(runs) == once
    assert found.regions == of_expressions.regions
    assert len(found.faces) == 2
    with closing(load_runtime(tmp_path / "pixels.onnx", "onnx")) as runtime:
        answers = faces.interpret(runtime.run(found.tensors), found)
    assert [answer.region for answer in answers] == list(of_expressions.regions)
    # Another picture is another one.
    faces.decode(encoded(draw_face(3, generator)))
    assert dict(runs) == {"detect": 2, "look": 3}
    # Nor does it matter which task comes first, or which of them streams.
    stream = faces.open_stream()
    streamed = encoded(draw_face(4, generator))
    assert stream.push(streamed) is not None
    expressions.decode(streamed)
    assert dict(runs) == {"detect": 3, "look": 4}
