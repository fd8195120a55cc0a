"""`pipit label`, against a real registry, a real server and a real bundle."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
import soundfile
from pipit.bundle import Bundle
from pipit.cli.exit_codes import ExitCode
from pipit.cli.label.auto import best_guess
from pipit.examples import Example, Part, Reason, Score
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.types import LabelScore, Prediction

TASK = "test.loudness"


@pytest.fixture
def bring(registry: str, loudness: ModuleType) -> Callable[..., str]:
    """Puts a second of sound into the pool; gives its id."""

    def call(level: float, number: int, reason: Reason = Reason.IMPORTED, **more: Any) -> str:
        stream = io.BytesIO()
        soundfile.write(stream, loudness.tone(1.0, level), loudness.RATE, format="WAV")
        content = more.pop("content", stream.getvalue())
        taken = datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=number)
        digest = hashlib.sha256(content).hexdigest()
        example = Example(
            example_id(taken, content), TASK, "audio/wav", len(content), digest, reason, taken_at=taken, **more
        )
        with ExampleClient(registry) as examples:
            return examples.upload(example, content).id

    return call


def suggested(pipit: Any, registry: str) -> dict[str, Any]:
    listed = pipit("label", "list", TASK, "--registry", registry, "--json").json()
    return {one["id"]: one["suggestion"] for one in listed}


@pytest.mark.parametrize("where", ["server", "bundle"])
def test_a_model_suggests_what_nobody_has_labelled(
    pipit: Any,
    registry: str,
    bring: Callable[..., str],
    make_bundle: Callable[..., Bundle],
    request: pytest.FixtureRequest,
    where: str,
) -> None:
    loud, quiet, labelled = bring(0.5, 1), bring(0.02, 2), bring(0.4, 3)
    broken = bring(0, 5, content=b"RIFF no sound at all")
    assert pipit("label", "add", TASK, labelled, "loud", "--new", "--registry", registry).code == 0
    place = request.getfixturevalue("inference_server") if where == "server" else make_bundle().path
    asked = ("label", "auto", "--task", TASK, f"--{where}", place, "--registry", registry, "--json")
    called = pipit(*asked)
    assert called.code == 0, called.err
    assert called.json() == {
        "task": TASK, "version": "1.0.0", "threshold": 0.8, "suggested": 2, "sure": 2, "nothing_found": 0,
        "unreadable": 1, "before": 0,
    }  # fmt: skip
    found = suggested(pipit, registry)
    assert (found[loud]["label"], found[quiet]["label"]) == ("loud", "quiet")
    assert found[loud]["score"] > 0.8
    assert found[loud]["version"] == "1.0.0"
    assert found[labelled] is None
    assert found[broken] is None
    again = pipit(*asked)
    assert (again.json()["suggested"], again.json()["before"]) == (0, 2)
    assert suggested(pipit, registry) == found


def test_the_honest_slice_gets_no_suggestion(
    pipit: Any, registry: str, bring: Callable[..., str], make_bundle: Callable[..., Bundle]
) -> None:
    with ExampleClient(registry) as examples:
        from pipit.examples import Consent

        examples.give_consent(Consent("pi-1", TASK, "We agreed.", random_rate=1.0))
    chance = bring(0.5, 1, Reason.RANDOM, device_id="pi-1", version="0.9.0")
    called = pipit("label", "auto", "--task", TASK, "--bundle", make_bundle().path, "--registry", registry)
    assert called.out == "test.loudness 1.0.0 suggests 0 labels, 0 of them with 0.8 or more\n"
    assert suggested(pipit, registry) == {chance: None}


def test_a_bundle_of_another_task_and_a_server_without_the_task(
    pipit: Any, registry: str, make_bundle: Callable[..., Bundle], picture_server: str
) -> None:
    called = pipit("label", "auto", "--task", "test.pets", "--bundle", make_bundle().path, "--registry", registry)
    assert called.code == ExitCode.BAD_INPUT
    assert "is a bundle of test.loudness, not of test.pets" in called.err
    called = pipit("label", "auto", "--task", TASK, "--server", picture_server, "--registry", registry)
    assert called.code == ExitCode.NOT_FOUND
    assert f"pipit serve {TASK} starts one" in called.err


def test_labels_one_by_one_and_what_is_counted(pipit: Any, registry: str, bring: Callable[..., str]) -> None:
    parts = (Part(scores=(Score("loud", 0.7), Score("quiet", 0.3)), label="loud"),)
    examples = [bring(0.1 + number / 20, number, version="1.0.0", parts=parts) for number in range(5)]
    options = ("--registry", registry)
    refused = pipit("label", "add", TASK, examples[0], "loud", *options)
    assert refused.code == ExitCode.BAD_INPUT
    assert "'loud' is no label of test.loudness (it has none yet); --new makes it one" in refused.err
    assert pipit("label", "add", TASK, examples[0], "loud", "--new", *options).out == f"{examples[0]} is loud\n"
    for example in examples[1:4]:
        assert pipit("label", "add", TASK, example, "loud", *options).code == 0
    assert pipit("label", "add", TASK, examples[0], "quiet", "--new", *options).code == 0
    assert pipit("label", "add", TASK, examples[4], "", *options).out.endswith("is none of the labels\n")
    assert pipit("label", "add", TASK, "20261129-" + "0" * 32, "loud", *options).code == ExitCode.NOT_FOUND
    shown = pipit("label", "stats", TASK, *options)
    assert "test.loudness: 5 of 5 examples are labelled, 0 wait" in shown.out
    document = pipit("label", "stats", TASK, "--json", *options).json()
    assert document["labels"] == [
        {"label": "loud", "count": 3, "suggested": 0},
        {"label": "quiet", "count": 1, "suggested": 0},
    ]
    assert document["honest"] == {"examples": 0, "labelled": 0, "version": "", "accuracy": None}
    listed = pipit("label", "list", TASK, "--state", "label", "--json", *options).json()
    assert [one["label"] for one in listed] == ["quiet", "loud", "loud", "loud", ""]
    assert "there is no such example" in pipit("label", "list", TASK, "--state", "ruled", *options).out
    assert examples[2] in pipit("label", "list", TASK, *options).out


def test_where_a_model_says_nothing_the_nearest_label_is_suggested() -> None:
    low = Prediction((LabelScore("dog", 0.3), LabelScore("cat", 0.2)))
    high = Prediction((LabelScore("cat", 0.4),))
    assert best_guess((low, high)) == LabelScore("cat", 0.4)
    sure = Prediction((LabelScore("fox", 0.35, detected=True),), label="fox")
    assert best_guess((low, high, sure)) == LabelScore("fox", 0.35, detected=True)
    assert best_guess(()) is None
