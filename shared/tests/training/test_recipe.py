from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.plain_yaml import dump_plain_yaml
from pipit.training.recipe import Count, DataSource, Recipe, find_recipe, load_recipe, recipe_folder, recipe_names
from pydantic import ValidationError

TEXT = """
task: test.words
name: plain
network: counter
data:
  - {kind: text, path: words, licence: CC0}
split: {rule: fold, test_folds: ["4"], validation_folds: ["3"]}
optimiser: {learning_rate: 3e-4}
gates:
  - {name: good enough, metric: accuracy, comparison: ">", limit: 0.7}
"""


class WordRecipe(Recipe):
    """With a field of its own, as a task's recipe has."""

    shortest: Count = 3


def document() -> dict[str, Any]:
    return {
        "task": "test.words",
        "name": "plain",
        "network": "counter",
        "data": [{"kind": "text", "path": "words", "licence": "CC0"}],
        "split": {"rule": "group"},
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "words-plain.yaml"
    file.write_text(TEXT)
    return file


def test_values_and_defaults(path: Path) -> None:
    recipe = load_recipe(path, WordRecipe)

    assert recipe.data == (DataSource(kind="text", path="words", licence="CC0"),)
    assert recipe.split.test_folds == ("4",)
    assert recipe.optimiser.learning_rate == 3e-4
    assert recipe.gates[0].limit == 0.7
    assert (recipe.shortest, recipe.epochs, recipe.batch_size) == (3, 50, 32)
    assert recipe.export.variants == ("float32", "dynamic", "int8")


def test_overrides(path: Path) -> None:
    changes = {"epochs": 3, "optimiser.learning_rate": 0.1, "export.calibration_samples": 9, "data.0.path": "/own"}
    recipe = load_recipe(path, WordRecipe, changes)

    assert (recipe.epochs, recipe.optimiser.learning_rate, recipe.export.calibration_samples) == (3, 0.1, 9)
    assert recipe.data[0].path == "/own"
    assert recipe.data[0].licence == "CC0"


def test_a_recipe_without_additional_data_is_what_it_was_before_there_were_any(path: Path) -> None:
    recipe = load_recipe(path, WordRecipe)
    values = recipe.model_dump(mode="json")
    del values["additional_data"]
    assert recipe.digest == sha256_bytes(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())
    more = load_recipe(path, WordRecipe, {"additional_data": [{"path": "labels://november@0123456789ab"}]})
    assert more.digest != recipe.digest
    assert more.additional_data[0].train_only
    with pytest.raises(InvalidInput, match=r"additional_data\.0\.path"):
        load_recipe(path, WordRecipe, {"additional_data": [{"path": "november"}]})


@pytest.mark.parametrize("key", ["name.first", "data.1.path", "data.x", "data.-1", "data.²"])
def test_an_override_without_a_place(path: Path, key: str) -> None:
    with pytest.raises(InvalidInput, match="can't be set: the recipe has no place for"):
        load_recipe(path, WordRecipe, {key: 1})


def test_an_override_with_a_typing_error(path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"optimiser\.learning_rat: Extra inputs are not permitted"):
        load_recipe(path, WordRecipe, {"optimiser.learning_rat": 0.1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT + "epoch: 3\n", r"epoch: Extra inputs are not permitted"),
        (TEXT + "epochs: 3\nepochs: 4\n", "epochs: the key stands twice"),
        (TEXT + "epochs: 0\n", "epochs: Input should be greater than or equal to 1"),
        (TEXT + "optimiser_2: {\n", "not YAML"),
        (TEXT.replace("test.words", "words"), "task: String should match pattern"),
        (TEXT.replace('["3"]', '["4"]'), r"folds \['4'\] can't both test and validate"),
        (TEXT.replace('test_folds: ["4"]', "test_folds: []"), "names test_folds"),
        (TEXT + "export: {variants: [float32], default_variant: int8}\n", "default_variant 'int8' is none of"),
        (
            TEXT + "golden: {tolerance: {float32: 0.001}}\n",
            r"golden.tolerance lacks the variants \['dynamic', 'int8'\]",
        ),
        ("- a list", "is no recipe: it has to be a mapping"),
        ("", "is no recipe"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        load_recipe(path, WordRecipe)


class OneClassRecipe(WordRecipe):
    """Of a task that has no use for a part of all recipes."""

    unheeded: ClassVar[Mapping[str, str]] = {"class_weights": "there is one class; leave it out"}


def test_a_field_that_a_task_does_not_look_at_cant_be_changed() -> None:
    plain = OneClassRecipe.model_validate(document())
    assert OneClassRecipe.model_validate(plain.model_dump(mode="json")) == plain
    assert not WordRecipe.model_validate(document() | {"class_weights": False}).class_weights
    with pytest.raises(ValidationError, match="class_weights changes nothing here: there is one class; leave it out"):
        OneClassRecipe.model_validate(document() | {"class_weights": False})


def test_a_plateau_begins_with_the_whole_rate() -> None:
    with pytest.raises(ValidationError, match="plateau begins with the whole rate; set warmup_epochs to 0"):
        WordRecipe.model_validate(document() | {"optimiser": {"schedule": "plateau", "warmup_epochs": 2}})


def test_shares_leave_something_to_train_on() -> None:
    values = document() | {"split": {"rule": "group", "test_share": 0.6, "validation_share": 0.4}}
    with pytest.raises(ValidationError, match="leave nothing to train on"):
        WordRecipe.model_validate(values)


@given(content=st.binary(max_size=80))
def test_any_bytes_are_a_recipe_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("configs") / "words-any.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput):
        load_recipe(path, WordRecipe)


@given(
    epochs=st.integers(1, 1000),
    rate=st.floats(1e-6, 1.0),
    seed=st.integers(0, 2**31 - 1),
    licence=st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_a_recipe_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, epochs: int, rate: float, seed: int, licence: str
) -> None:
    values = document() | {"epochs": epochs, "seed": seed, "optimiser": {"learning_rate": rate}}
    values["data"][0]["licence"] = licence
    recipe = WordRecipe.model_validate(values)
    path = tmp_path_factory.mktemp("configs") / "words-any.yaml"
    path.write_text(dump_plain_yaml(recipe.model_dump(mode="json")), encoding="utf-8", newline="")

    assert load_recipe(path, WordRecipe) == recipe
    assert load_recipe(path, WordRecipe).digest == recipe.digest


def test_the_digest_knows_values_not_their_notation(path: Path) -> None:
    digest = load_recipe(path, WordRecipe).digest
    path.write_text("shortest: 3\nepochs: 50\n" + TEXT.replace("3e-4", "0.0003"))
    assert load_recipe(path, WordRecipe).digest == digest

    others = [{"epochs": 51}, {"shortest": 4}, {"gates": []}, {"seed": 2}, {"optimiser.momentum": 0.8}]
    digests = {load_recipe(path, WordRecipe, change).digest for change in others}
    assert len(digests | {digest}) == len(others) + 1


def test_recipes_are_found_by_task_and_name(path: Path) -> None:
    (path.parent / "words-long.yaml").write_text(TEXT)
    (path.parent / "letters-short.yaml").write_text(TEXT)

    assert recipe_names(path.parent, "test.words") == ("long", "plain")
    assert find_recipe(path.parent, "test.words", "plain") == path
    with pytest.raises(NotFound, match=r"test\.words has no recipe 'short'; it has long, plain"):
        find_recipe(path.parent, "test.words", "short")


def test_no_recipe_at_the_path(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(NotFound, match="there is no recipe at"):
            load_recipe(path, WordRecipe)


def test_data_sets_lie_in_the_folder_of_data_or_where_the_recipe_says(tmp_path: Path) -> None:
    source = DataSource(kind="text", path="words", licence="CC0")
    with pytest.raises(NotFound, match="PIPIT_DATA"):
        source.folder(None)
    with pytest.raises(NotFound, match="data set 'words' is not at"):
        source.folder(tmp_path)
    (tmp_path / "words").mkdir()

    assert source.folder(tmp_path) == tmp_path / "words"
    own = DataSource(kind="text", path=str(tmp_path / "words"), licence="CC0")
    assert own.folder(None) == tmp_path / "words"


def test_recipes_lie_beside_the_package_or_among_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "services" / "farm" / "farm"
    package.mkdir(parents=True)
    monkeypatch.setattr("sys.prefix", "/opt/environment")
    assert recipe_folder(package) == Path("/opt/environment/share/pipit/farm")
    (package.parent / "configs").mkdir()
    assert recipe_folder(package) == package.parent / "configs"
