"""Classify and ClassifyStream through a real server that serves a bundle this domain made."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import LABELS
from emotion.stress.synthetic import synthesise_block
from emotion.stress.task import StressTrainer
from numpy.typing import NDArray
from pipit.client import Answer, Client, InputSequence, Item, Landmarks, Refusal, TensorInput
from pipit.errors import InvalidInput
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from pipit.types import Prediction, TimeSpan

pytestmark = pytest.mark.slow
FEW = {"crossvalidation_rounds": 2}


@pytest.fixture(scope="module")
def bundles(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of one network: one that may say its labels, one whose labels are experimental."""
    folder = tmp_path_factory.mktemp("served")
    recipe = load_recipe(
        find_recipe(StressTrainer.recipe_folder, "emotion.stress", "synthetic"), StressRecipe, {"epochs": 6, **FEW}
    )
    trainer = StressTrainer(recipe, synthetic.parent)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        proven = make_bundle(trainer, run, FIRST_VERSION, folder / "bundle")
        decision = trainer.decision(run).model_dump(mode="json")
        run.write_json("evaluate", "decision.json", {**decision, "background": None, "experimental": LABELS})
        experimental = make_bundle(trainer, run, FIRST_VERSION, folder / "experimental")
    return proven.path, experimental.path


@pytest.fixture(scope="module")
def address(bundles: tuple[Path, Path]) -> Iterator[str]:
    yield from _served(bundles[0])


@pytest.fixture(scope="module")
def experimental(bundles: tuple[Path, Path]) -> Iterator[str]:
    yield from _served(bundles[1])


def _served(bundle: Path) -> Iterator[str]:
    server = InferenceServer(ServingSettings(port=0, metrics_port=0, bundle=(bundle,), grace_seconds=5.0))
    server.start()
    deadline = time.monotonic() + 240.0
    while not server.plane.is_ready:
        assert time.monotonic() < deadline, server.hosts["emotion.stress"].status()
        time.sleep(0.02)
    yield f"127.0.0.1:{server.port}"
    server.stop(grace=5.0)


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def _tensor(values: NDArray[np.float32], name: str = "physiology") -> TensorInput:
    return TensorInput(name, values.astype(np.float32))


def _minutes(count: int, seed: int = 1, conditions: str = "RRRRRRTTTTTT") -> NDArray[np.float32]:
    return synthesise_block(conditions, count, np.random.default_rng(seed))


def _stressed(prediction: Prediction) -> float:
    assert {score.label for score in prediction.scores} == {"calm", "stressed"}
    assert sum(score.score for score in prediction.scores) == pytest.approx(1.0, abs=1e-6)
    return next(score.score for score in prediction.scores if score.label == "stressed")


def test_a_sequence_a_tensor_and_a_window_are_classified(client: Client) -> None:
    values = _minutes(12)
    sequence = InputSequence(tuple(_tensor(step) for step in values))
    by_sequence, by_tensor = (client.classify(item).predictions for item in (sequence, _tensor(values)))
    assert [p.region for p in by_sequence] == [TimeSpan(60.0 * i, 60.0 * i + 300.0) for i in range(8)]
    scores = [_stressed(prediction) for prediction in by_sequence]
    assert scores == [_stressed(prediction) for prediction in by_tensor]
    assert scores[-1] > scores[1]  # Calm first, then stressed.
    window = client.classify(_tensor(np.zeros((5, 6), np.float32), ""))
    assert len(window.predictions) == 1
    assert window.predictions[0].unknown  # Every mask says that nothing was measured.


def test_a_stream_scores_once_its_window_is_full_and_sees_no_other(client: Client) -> None:
    values = _minutes(9)
    alone = [_stressed(p) for p in client.classify(_tensor(values)).predictions]
    said: dict[str, list[list[Answer | Refusal]]] = {"one": [], "other": []}
    with client.open_stream() as one, client.open_stream() as other:
        for step, of_other in zip(values, _minutes(9, seed=2) * np.float32(1.2), strict=True):
            other.send(_tensor(of_other))
            one.send(_tensor(step))
            said["other"].append(other.receive())
            said["one"].append(one.receive())
        assert (one.finish(), other.finish()) == ([], [])
    for answers in said.values():
        assert [len(answer) for answer in answers] == [0] * 4 + [1] * 5
    parts = [answer.predictions[0] for (answer,) in said["one"][4:] if isinstance(answer, Answer)]
    assert [_stressed(part) for part in parts] == pytest.approx(alone, abs=1e-6)
    assert parts[0].region == TimeSpan(0.0, 300.0)


def test_bad_steps_are_errors_in_their_place(client: Client) -> None:
    values = _minutes(6)
    bad = (_tensor(np.array([-1, 1, 1], np.float32)), Landmarks(np.full(1536, 0.5, np.float32)))
    steps = [_tensor(step) for step in values]
    negative, landmarks, *answers = client.stream([*steps[:4], *bad, *steps[4:]])
    assert isinstance(negative, Refusal)
    assert isinstance(landmarks, Refusal)
    assert (negative.request_id.rpartition("-")[2], landmarks.request_id.rpartition("-")[2]) == ("5", "6")
    assert negative.message == "heart rate, RMSSD and skin conductance are above 0; send NaN or 999 for what is missing"
    assert "not landmarks" in landmarks.message
    assert [type(answer) for answer in answers] == [Answer, Answer]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (_tensor(_minutes(4)), "4 steps are fewer than a window of 5"),
        (_tensor(np.zeros((5, 7), np.float32), "rows"), "input 'rows' must have the shape (rows, 5, 6)"),
        (b"\xff\xd8\xff", "not a picture"),
        (InputSequence(()), "0 steps"),
    ],
)
def test_what_can_not_be_scored_says_why(client: Client, item: Item, message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        client.classify(item)


@pytest.mark.usefixtures("silent_log")
def test_minutes_from_the_command_line(pipit: Any, address: str, client: Client, tmp_path: Path) -> None:
    values = _minutes(8)
    values[3, 2] = np.nan
    rows = [",".join("" if np.isnan(value) else f"{value:.6g}" for value in row) for row in values]
    path = tmp_path / "minutes.csv"
    path.write_text("heart_rate,rmssd,skin_conductance\n" + "\n".join(rows) + "\n")
    called = pipit("classify", path, "--task", "emotion.stress", "--server", address, "--json")
    assert called.code == 0, called.err
    (result,) = called.json()
    spans = [(part["span"]["start"], part["span"]["end"]) for part in result["predictions"]]
    assert spans == [(60.0 * i, 60.0 * i + 300.0) for i in range(4)]
    expected = [_stressed(part) for part in client.classify(_tensor(values)).predictions]
    found = [{score["label"]: score["score"] for score in part["scores"]} for part in result["predictions"]]
    assert [scores["stressed"] for scores in found] == pytest.approx(expected, abs=1e-4)
    shown = pipit("classify", path, "--server", address)
    assert re.search(r"minutes\.csv +0\.0-300\.0 s +(calm|stressed) +(calm|stressed) +[01]\.\d{3}", shown.out)
    assert "experimental" not in shown.out
    path.write_text("heart_rate,rmssd,skin_conductance\n" + "\n".join(rows[4:7]) + "\n")
    short = pipit("classify", path, "--server", address)
    assert (short.code, "3 steps are fewer than a window of 5" in short.err) == (3, True)
    path.write_text("heart_rate\n71\n")
    wrong = pipit("classify", path, "--server", address)
    assert (wrong.code, "has no column rmssd, skin_conductance" in wrong.err) == (3, True)


@pytest.mark.usefixtures("silent_log")
def test_what_was_not_proven_is_shown_and_never_said(
    pipit: Any, address: str, experimental: str, tmp_path: Path
) -> None:
    values = _minutes(8)
    with Client(address) as sure, Client(experimental) as unsure:
        said, shown = sure.classify(_tensor(values)).predictions, unsure.classify(_tensor(values)).predictions
    assert {prediction.label for prediction in said} <= {"calm", "stressed"}
    # The same numbers, but nobody is called calm.
    assert [_stressed(prediction) for prediction in shown] == [_stressed(prediction) for prediction in said]
    assert {(prediction.label, prediction.unknown) for prediction in shown} == {("", True)}
    assert {(s.detected, s.experimental) for prediction in shown for s in prediction.scores} == {(False, True)}
    path = tmp_path / "minutes.csv"
    rows = [",".join(f"{value:.6g}" for value in row) for row in values]
    path.write_text("heart_rate,rmssd,skin_conductance\n" + "\n".join(rows) + "\n")
    called = pipit("classify", path, "--server", experimental)
    assert re.search(r"minutes\.csv +0\.0-300\.0 s +unknown +(calm|stressed) +[01]\.\d{3} +experimental", called.out)
    assert "experimental: nobody has shown that these scores mean what their labels say" in " ".join(called.out.split())


@pytest.mark.usefixtures("silent_log")
def test_a_video_for_a_bundle_of_physiology_is_not_sent_to_its_end(pipit: Any, address: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs the video extra")
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for _ in range(100):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    called = pipit("classify", path, "--server", address)
    assert called.code == 3
    assert called.err.endswith("this task takes a tensor named 'physiology', not a picture\n")
    assert len(called.out.splitlines()) < 20
