"""What a bundle is asked about and what it is not, by a pipeline that answers as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pipit.answers import predict
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Input, TensorInput
from pipit.pipelines.served import Served
from pipit.training.asking import Answers, TrainedOn, ask, most_alarming, renamed
from pipit.training.bundle_evaluation import answer_rates
from pipit.training.examples import Example, first, load_examples
from pipit.training.progress import LogProgress
from pipit.types import Decoded, Prediction, TimeSpan

LABELS = ("cat", "dog", "none")


class Told:
    """Each row of a tensor is the scores of one second; no row: nothing is found."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def decode(self, item: Input) -> Decoded:
        assert isinstance(item, TensorInput)
        spans = tuple(TimeSpan(i, i + 1) for i in range(len(item.values)))
        return Decoded({"x": item.values}, spans)

    def interpret(self, outputs: Any, decoded: Decoded) -> list[Prediction]:
        rows = outputs["x"] if decoded.regions else ()
        return [predict(row, LABELS, self.decision, span) for row, span in zip(rows, decoded.regions, strict=True)]

    def open_stream(self) -> None:
        return None


def example(name: str, label: str, *rows: Sequence[float], **more: Any) -> Example:
    values = np.array(rows, np.float32).reshape(-1, len(LABELS))
    return Example(name, label, more.pop("group", name), lambda: TensorInput("x", values), **more)


def asked(examples: Sequence[Example], decision: Decision, trained_on: TrainedOn | None = None) -> Answers:
    runtime: Any = SimpleNamespace(run=lambda tensors: tensors)
    manifest: Any = SimpleNamespace(labels=LABELS, decision=decision, lineage=SimpleNamespace(seed=1))
    choose = most_alarming(manifest) if decision.background else first
    return ask(Served(Told(decision), runtime), manifest, examples, choose, LogProgress(), trained_on)


CAT, DOG, NONE, FLAT = (0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8), (0.34, 0.33, 0.33)


def test_without_a_background_strangers_are_asked_and_told_apart() -> None:
    found = asked(
        [
            example("a", "cat", CAT, DOG),
            example("b", "dog", FLAT),
            example("c", "wolf", FLAT),
            example("d", "wolf", DOG),
            example("e", "cat"),
            example("f", "fox"),
        ],
        Decision(unknown_below=0.5),
    )
    assert found.asked.truth.tolist() == [0, 1]
    assert found.asked.scores.tolist() == pytest.approx(np.array([CAT, FLAT]))
    assert found.asked.groups.tolist() == ["a", "b"]
    assert {label: len(said) for label, said in found.strangers.items()} == {"wolf": 2, "fox": 0}
    assert found.not_found == {"cat": 1}
    rates = {name: rate.value for name, rate in answer_rates(found).items() if rate is not None}
    assert rates == {
        "said_accuracy": 0.5,
        "unknown_rate": 0.5,
        "uncertain_rate": 0.0,
        "answer_rate": pytest.approx(2 / 3),
        "strangers.unknown_rate": 0.5,
        "strangers.detection_rate": 0.5,
    }


def test_with_a_background_strangers_are_background_and_the_most_alarming_part_counts() -> None:
    decision = Decision(background="none", unknown_below=0.5)
    found = asked(
        [example("a", "dog", NONE, DOG, CAT), example("b", "rain", NONE), example("c", "rain", FLAT)], decision
    )
    assert found.as_background == {"rain": 2}
    assert [prediction.label for prediction in found.asked.predictions] == ["dog", "none", ""]
    assert found.strangers == {}
    rates = answer_rates(found)
    assert rates["said_accuracy"] is not None
    assert rates["said_accuracy"].value == 1.0  # To say nothing of background is right.
    assert rates["strangers.unknown_rate"] is None


def test_the_most_alarming_part_is_none_of_an_experimental_label() -> None:
    decision = Decision(background="none", experimental=("dog",))
    found = asked([example("a", "cat", DOG, (0.3, 0.1, 0.6))], decision)
    assert found.asked.scores[0].tolist() == pytest.approx([0.3, 0.1, 0.6])


def test_every_window_counts_where_each_has_a_label() -> None:
    labels = {0: "cat", 1: None, 2: "dog"}
    one = example("a", "", CAT, CAT, DOG, label_at=lambda span: labels[int(span.start)])
    found = asked([one], Decision())
    assert found.asked.truth.tolist() == [0, 1]
    assert found.asked.groups.tolist() == ["a", "a"]


def test_what_was_trained_on_is_left_out_by_name_and_group_and_tests_in_its_group() -> None:
    trained_on = TrainedOn({"a": "train", "b": "test"}, {"a": "g", "b": "h"}, frozenset({"g"}))
    examples = [example("a", "cat", CAT), example("b", "cat", CAT), example("c", "cat", CAT, group="g")]
    found = asked(examples, Decision(), trained_on)
    assert (found.trained_on, found.asked.groups.tolist()) == (2, ["h"])
    with pytest.raises(InvalidInput, match="trained or validated on all 1 examples"):
        asked(examples[:1], Decision(), trained_on)


def test_what_gives_no_row_is_said() -> None:
    def broken() -> Input:
        raise InvalidInput("not a picture")

    with pytest.raises(InvalidInput, match=r"none of 1 examples .*\n  a: not a picture"):
        asked([Example("a", "cat", "a", broken)], Decision())
    with pytest.raises(
        InvalidInput, match=r"none of 1 examples gave an answer with a label of the bundle's \(cat, dog"
    ):
        asked([example("a", "wolf", CAT)], Decision())
    with pytest.raises(InvalidInput, match="no labelled example"):
        asked([], Decision())


def test_labels_get_the_names_of_the_bundle() -> None:
    assert [one.label for one in renamed([example("a", "kitten"), example("b", "dog")], {"kitten": "cat"})] == [
        "cat",
        "dog",
    ]


@pytest.mark.parametrize("task", sorted(entry_points(group="pipit.examples").names))
def test_every_task_reads_examples_and_says_where_there_are_none(task: str, tmp_path: Path) -> None:
    manifest: Any = SimpleNamespace(labels=(), decision=Decision())
    with pytest.raises(NotFound, match="is not a folder"):
        load_examples(task)(tmp_path / "gone", manifest)


def test_every_task_that_is_trained_can_be_evaluated() -> None:
    assert entry_points(group="pipit.trainers").names == entry_points(group="pipit.examples").names
    with pytest.raises(NotFound, match=r"no installed domain reads labelled data of 'garden\.birds'"):
        load_examples("garden.birds")
