"""A domain with another framework, another runtime and two tasks in the same stack: from training to answers.

It is trained by its own trainer's image where PIPIT_TORCH_INDEX names an index with PyTorch for processors, else in the
environment of these tests, on SYNTHETIC faces and bodies: what is answered to the photograph means nothing.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.expression.classes import LABELS
from emotion.expression.synthetic import synthesise
from PIL import Image
from pipit.client import Landmarks

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

EMOTION, STRESS = "emotion.expression", "emotion.stress"
PORT = "PIPIT_EMOTION_PORT"


@pytest.fixture(scope="module")
def trained(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both tasks are served; their digests."""
    if stack.environment.get("PIPIT_TORCH_INDEX"):
        for task in (EMOTION, STRESS):
            stack.make("train", f"TASK={task}", "PIPIT_DATA=")
    else:
        with ThreadPoolExecutor(2) as pool:
            folders = [tmp_path_factory.mktemp("emotion") for _ in (EMOTION, STRESS)]
            list(pool.map(stack.train_elsewhere, (EMOTION, STRESS), folders))
    digests = {}
    with stack.registry() as registry:
        for task in (EMOTION, STRESS):
            (version,) = registry.list_versions(task).versions
            digests[task] = version.digest
    for task, digest in digests.items():
        stack.wait(lambda task=task, digest=digest: stack.serving(PORT, task) == digest, f"{task} is taken up")
    return digests


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = pytest.importorskip("skimage.data", reason="needs scikit-image, which carries the photograph")
    path = tmp_path_factory.mktemp("photograph") / "face.jpg"
    Image.fromarray(pictures.astronaut()).save(path)
    return path


def test_both_tasks_are_served_by_one_process(stack: Any, trained: dict[str, str]) -> None:
    services = (EMOTION, STRESS, "")
    stack.wait(lambda: [stack.says(PORT, service) for service in services] == ["SERVING"] * 3, "its health says so")
    assert stack.inspect("emotion")["RestartCount"] == 0
    assert stack.inspect("emotion")["Config"]["User"] == "10001:10001"


def test_dashboards_offer_its_tasks(stack: Any, trained: dict[str, str]) -> None:
    # The query of their variable.
    ready = 'count by (task) (pipit_model_ready{job="inference"} == 1)'
    tasks = set(trained)
    stack.wait(
        lambda: tasks <= {each["metric"]["task"] for each in stack.measured(ready)}, "Prometheus sees both tasks"
    )


def test_faces_of_persons_that_training_never_saw_are_named(stack: Any, trained: dict[str, str]) -> None:
    generator = np.random.default_rng(7)
    right = 0
    with stack.server(PORT, EMOTION) as server:
        for label in LABELS:
            for person in range(100, 103):
                values = synthesise(label, person, generator)
                answer = server.classify(Landmarks(values))
                right += answer.predictions[0].scores[0].label == label
    assert right >= 0.8 * 3 * len(LABELS)


def test_make_classify_finds_the_face_in_a_photograph(stack: Any, trained: dict[str, str], photograph: Path) -> None:
    (result,) = json.loads(
        stack.make("classify", f"FILE={photograph}", f"TASK={EMOTION}", "ARGS=--json --top 0").stdout
    )
    (prediction,) = result["predictions"]
    assert result["model"]["digest"] == trained[EMOTION]
    assert {score["label"] for score in prediction["scores"]} == set(LABELS)
    assert sum(score["score"] for score in prediction["scores"]) == pytest.approx(1.0, abs=1e-3)
    box = prediction["box"]
    # Where anybody sees it in these 512 x 512 pixels.
    assert 140 < box["left"] < 200
    assert 40 < box["top"] < 110
    assert 60 < box["width"] < 140


def test_make_classify_reads_a_table_of_minutes(stack: Any, trained: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "minutes.csv"
    rows = [f"{minute},{70 + minute % 3},0.042,5.{minute % 2}" for minute in range(7)]
    path.write_text("\n".join(["minute,heart_rate,rmssd,skin_conductance", *rows]))
    (result,) = json.loads(stack.make("classify", f"FILE={path}", f"TASK={STRESS}", "ARGS=--json --top 0").stdout)
    assert result["model"]["digest"] == trained[STRESS]
    assert len(result["predictions"]) == 3
    assert {score["label"] for score in result["predictions"][0]["scores"]} == {"calm", "stressed"}
