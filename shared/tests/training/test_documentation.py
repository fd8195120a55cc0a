"""What `docs/training.md` shows is true: its recipe is one, its program runs, its tables name what there is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pipit.training.evaluation import Evaluation
from pipit.training.intervals import poisson_rate
from pipit.training.quantise import VARIANTS
from pipit.training.recipe import DataSource, Recipe, RecipePart, load_recipe
from pipit.training.run import StepRecord
from pipit.training.steps import STEPS

PAGE = Path(__file__).parents[3] / "docs" / "training.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


def block(page: str, language: str, heading: str) -> str:
    """The one of its language below a heading."""
    section = re.split(r"^##+ ", page.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return str(found)


def described(page: str, heading: str) -> list[str]:
    """Names in the first column of the first table below a heading."""
    section = page.split(f"{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert rows is not None
    return [name for row in rows[0].splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def fields(kind: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def test_every_step_is_described(page: str) -> None:
    assert tuple(described(page, "# Training")) == STEPS


def test_every_field_of_the_state_is_described(page: str) -> None:
    assert sorted(described(page, "### When a step runs")) == sorted(fields(StepRecord))


def test_every_field_of_the_evaluation_is_described(page: str) -> None:
    assert sorted(described(page, "## The report")) == sorted(["format", *fields(Evaluation), "software"])


def test_every_variant_is_described(page: str) -> None:
    assert tuple(described(page, "## Variants")) == VARIANTS


def test_every_key_of_a_recipe_is_described(page: str) -> None:
    assert described(page, "## The recipe") == list(Recipe.model_fields)
    section = page.split("## The recipe\n", 1)[1].split("\n## ", 1)[0]
    for name in keys_of_parts():
        assert f"`{name}`" in section


def keys_of_parts() -> Iterable[str]:
    parts = [field.annotation for field in Recipe.model_fields.values() if isinstance(field.annotation, type)]
    for part in (DataSource, *(part for part in parts if issubclass(part, RecipePart))):
        yield from part.model_fields


def test_the_recipe_shown_is_one(page: str, tmp_path: Path) -> None:
    path = tmp_path / "sounds-small.yaml"
    path.write_text(block(page, "yaml", "## The recipe"))
    recipe = load_recipe(path, Recipe)

    assert recipe.optimiser.name == "adamw"
    assert recipe.split.test_folds == ("4",)


def test_the_program_shown_runs_the_steps(
    page: str, trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = ["prepare ran {'files': 4}", "fit ran {'words': 10}", "export ran {'lines': 3}"]
    for lines in (expected, [line.replace(" ran ", " up to date ") for line in expected]):
        exec(compile(block(page, "python", "### From Python"), str(PAGE), "exec"), {"trainer": trainer})
        answer = capsys.readouterr().out.splitlines()
        assert [line for line in answer if line.endswith("}")] == lines


def test_the_upper_limit_of_no_events_is_as_stated(page: str) -> None:
    assert f"upper limit of {poisson_rate(0, 1.0)[2]:.2f} an hour" in page
