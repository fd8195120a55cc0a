"""The card is read back as tables, and its cells are what was measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pipit.bundle.manifest import Decision, Gate, Metric
from pipit.training.alarms import false_alarms_per_hour
from pipit.training.evaluation import evaluate
from pipit.training.model_card import ModelCard, VariantRow, write_model_card
from pipit.training.parity import compare
from pipit.training.recipe import DataSource, Recipe, Split

LABELS = ("glass", "dog|cat", "none")
TRUTH = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
SCORES = np.eye(3)[[0, 0, 1, 1, 1, 2, 2, 2, 2, 0]] * 0.9 + 0.1 / 3


@pytest.fixture
def card() -> ModelCard:
    recipe = Recipe(
        task="test.sounds",
        name="tiny",
        description="Three labels.",
        network="linear",
        data=(DataSource(kind="folder", path="clips", licence="CC0", url="https://example.org/clips"),),
        split=Split(rule="group"),
        seed=7,
        gates=(
            Gate(name="good", metric="accuracy", comparison=">", limit=0.7),
            Gate(name="quiet", metric="false_positive_rate", comparison="<", limit=0.05),
            Gate(name="int8", metric="int8_loss_points", comparison="<=", limit=2.0),
            Gate(name="fits", metric="size_mb", comparison="<", limit=5.0),
        ),
    )
    thresholds = {"glass": 0.5, "dog|cat": 0.25}
    measured = evaluate(
        LABELS,
        TRUTH,
        SCORES,
        np.arange(10),
        alarm_labels=("glass",),
        thresholds=thresholds,
        background="none",
        subsets={"security": LABELS[:2]},
        false_alarms=false_alarms_per_hour(
            np.array([False, True]), ["r", "r"], np.array([0.0, 5.0]), np.array([5.0, 10.0]), {"r": 7200.0}
        ),
    )
    return ModelCard(
        recipe=recipe,
        purpose="Hears glass.",
        not_for=("the safety of people",),
        split_rule="recordings drawn with seed 7",
        counts={"train": {"glass": 20, "none": 30}, "test": {"glass": 3, "dog|cat": 2, "none": 5}},
        evaluation=measured,
        decision=Decision(thresholds=thresholds, background="none", unknown_below=0.2, uncertain_margin=0.1),
        metrics={**measured.metrics(), "int8_loss_points": Metric(value=1.5, samples=10)},
        variants=(VariantRow("float32", 1_250_000, compare(SCORES, SCORES, TRUTH)), VariantRow("int8", 400_000)),
        dataset_digest="d" * 64,
        code_version="0.1.0 (abc)",
        command="pipit train test.sounds",
        limits=("halls with an echo",),
        packages=("rich",),
    )


def written(card: ModelCard, folder: Path) -> str:
    write_model_card(folder / "model_card.md", card)
    return (folder / "model_card.md").read_text("utf-8")


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The first table below a heading: by first cell, the others."""
    section = text.split(f"## {heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[0].splitlines()]
    assert {len(row) for row in cells} == {len(cells[0])}, "every row is as wide as the head"
    return {row[0]: row[1:] for row in cells[2:]}


def test_numbers_stand_beside_the_baseline_with_their_samples(card: ModelCard, tmp_path: Path) -> None:
    measures = rows(written(card, tmp_path), "How good it is")
    accuracy = card.evaluation.accuracy
    assert measures["accuracy"] == [f"0.800 ({accuracy.low:.3f} to {accuracy.high:.3f})", "10", "0.500"]
    assert measures["macro-F1"][2] == "0.222"  # Two thirds for one of three labels.
    assert measures["accuracy on the labels of security"][:2] == ["0.800 (0.376 to 0.964)", "5"]
    assert measures["false positive rate, worst alarm label"][:2] == ["0.143 (0.026 to 0.513)", "7"]
    assert measures["false alarms per hour of background"][0] == "0.500 (0.013 to 2.786)"
    assert measures["int8_loss_points"] == ["1.500", "10", ""], "what only this task measures is there too"


def test_labels_thresholds_variants_and_counts(card: ModelCard, tmp_path: Path) -> None:
    text = written(card, tmp_path)
    classes = rows(text, "Each label")
    assert classes["glass"][:3] == ["3", "0.667 (0.208 to 0.939)", "0.667 (0.208 to 0.939)"]
    assert classes["dog\\|cat"][0] == "2"
    thresholds = rows(text, "Thresholds")
    assert thresholds["glass"] == ["0.500", "0.143 (0.026 to 0.513)", "0.667 (0.208 to 0.939)"]
    assert thresholds["dog\\|cat"] == ["0.250", "not measured", "not measured"]
    assert "Experimental" not in text
    proven = card.decision.model_copy(update={"experimental": ("dog|cat",)})
    assert "- Experimental: `dog\\|cat`. Their scores are shown" in written(replace(card, decision=proven), tmp_path)
    variants = rows(text, "Variants")
    assert variants["**float32**"] == ["1.25", "0.800", "0.0", "100.0%", "0"]
    assert variants["int8"] == ["0.40", *["not measured"] * 4]
    section = text.split("Split: recordings drawn with seed 7.", 1)[1]
    assert "| samples | train | test |" in section
    assert "| dog\\|cat | 0 | 2 |" in section
    assert "| **all** | 50 | 10 |" in section


def test_gates_pass_fail_and_miss(card: ModelCard, tmp_path: Path) -> None:
    gates = rows(written(card, tmp_path), "Gates")
    assert gates["good"] == ["accuracy", "> 0.7", "0.8", "passed"]
    assert gates["quiet"] == ["false_positive_rate", "< 0.05", "0.1429", "**failed**"]
    assert gates["int8"] == ["int8_loss_points", "<= 2", "1.5", "passed"]
    assert gates["fits"] == ["size_mb", "< 5", "not measured", "**failed**"]
    free = replace(card, recipe=card.recipe.model_copy(update={"gates": ()}))
    assert "## Gates\n\nNone.\n" in written(free, tmp_path)


def test_how_to_make_it_again(card: ModelCard, tmp_path: Path) -> None:
    text = written(card, tmp_path)
    facts = rows(text, "How to make it again")
    assert "```\npipit train test.sounds\n```" in text
    assert facts["seed"] == ["7"]
    assert facts["recipe (SHA-256)"] == [f"`{card.recipe.digest}`"]
    assert facts["data (SHA-256)"] == [f"`{'d' * 64}`"]
    assert facts["code"] == ["0.1.0 (abc)"]
    assert {"python", "numpy", "rich"} <= {part.split()[0] for part in facts["software"][0].split(", ")}


def test_purpose_data_and_limits(card: ModelCard, tmp_path: Path) -> None:
    text = written(card, tmp_path)
    assert text.startswith("# test.sounds: tiny\n\nHears glass.\n")
    assert "- the safety of people\n" in text
    assert rows(text, "Data")["clips"] == ["CC0", "https://example.org/clips"]
    assert "- halls with an echo\n- Measured on 10 samples of 10 recordings or people, no more.\n" in text
    assert "False alarms: 1 in 2.00 hours of background." in text
    assert "of each, and of all together on `none`" in text


def test_only_pictures_that_are_there_are_shown(card: ModelCard, tmp_path: Path) -> None:
    assert "![" not in written(card, tmp_path)
    (tmp_path / "confusion.png").write_bytes(b"")
    (tmp_path / "other.png").write_bytes(b"")
    assert re.findall(r"!\[.*?\]\((.*?)\)", written(card, tmp_path)) == ["confusion.png"]
