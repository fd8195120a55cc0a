"""Strangers of whom nothing is known join the cohort, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from home_security.faces.data import UNKNOWN, list_crowd
from home_security.faces.recipe import CrowdSource, FacesRecipe
from home_security.faces.sides import COHORT
from home_security.faces.sources import split_of
from home_security.faces.synthetic import draw_face, encoded
from home_security.faces.task import FacesTrainer
from pipit.errors import NotFound
from pipit.faces.cohort import unpack_cohort
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

PEOPLE = 14
CROWD = {"path": "crowd", "licence": "none needed; drawn", "most": 9}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen strangers, three who are known, and a crowd of twelve pictures beside a file that is none."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(4)

    def draw(name: str, person: int) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(draw_face(person, generator), "JPEG").data)

    for person in range(PEOPLE):
        draw(f"people/unknown/{person}/0.jpg", 100 + person)
    for person in range(3):
        for number in range(4):
            draw(f"people/known/{person}/{number}.jpg", 200 + person)
    for person in range(12):
        draw(f"crowd/{person % 2}/{person}.jpg", 300 + person)
    (folder / "crowd" / "notes.txt").write_text("no picture")
    return folder


def recipe(**crowd: object) -> FacesRecipe:
    drawn = load_recipe(find_recipe(FacesTrainer.recipe_folder, "home_security.faces", "synthetic"), FacesRecipe)
    source = drawn.data[0].model_copy(update={"path": "people"})
    limits = {"people": [1, 5], "limits": [[0.3, 0.3]] * 3, "spread": 0.3, "source": "a test"}
    naming = drawn.naming.model_validate({**drawn.naming.model_dump(), "limits": limits})
    return drawn.model_copy(
        update={"data": (source,), "naming": naming, "crowd": CrowdSource.model_validate({**CROWD, **crowd})}
    )


def test_pictures_of_a_crowd_are_drawn_by_the_seed_and_each_is_somebody(data: Path) -> None:
    listing = list_crowd(data / "crowd", 9, 1)
    assert len(listing.items) == len({picture.person for picture in listing.items}) == 9
    assert {picture.role for picture in listing.items} == {UNKNOWN}
    assert all(listing.files[picture.name] == picture.path for picture in listing.items)
    assert all(picture.person == f"crowd/{picture.path.parent.name}/{picture.path.name}" for picture in listing.items)
    assert listing == list_crowd(data / "crowd", 9, 1)
    assert listing != list_crowd(data / "crowd", 9, 2)
    assert len(list_crowd(data / "crowd", 100, 1).items) == 12


@pytest.mark.slow
def test_it_joins_the_cohort_of_the_bundle_and_counts_nowhere_else(
    data: Path, tmp_path: Path, networks_folder: Path
) -> None:
    trainer = FacesTrainer(recipe(), data)
    with open_run(trainer, tmp_path) as run:
        facts = {one.step: one.record.facts for one in run_steps(run, actions_of(trainer))}
        entries = run.read_json("prepare", "faces.json")
        draft = trainer.draft(run)
    assert [entry["side"] for entry in entries if entry["person"].startswith("crowd/")] == [COHORT] * 9
    own = sum(entry["side"] == COHORT and not entry["person"].startswith("crowd/") for entry in entries)
    cohort = unpack_cohort(draft.pipeline.parameters["cohort"], 128)
    assert own >= 10
    assert len(cohort) == own + 9
    # Of the labelled pictures alone.
    assert facts["fit"]["without_face"] == 0
    assert draft.metrics["detection_rate"].samples == PEOPLE + 3 * 4
    assert "drawn" in draft.files["report/model_card.md"].read_text("utf-8")


def test_one_that_is_missing_is_an_error_unless_it_is_optional(data: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        FacesTrainer(recipe(path="nowhere"), data).data_files()
    files = FacesTrainer(recipe(path="nowhere", optional=True), data).data_files()
    assert not any(name.startswith("crowd/") for name in files)
    assert sum(name.startswith("crowd/") for name in FacesTrainer(recipe(), data).data_files()) == 9


def test_where_a_crowd_is_there_the_data_s_own_strangers_do_something_else() -> None:
    crowded = recipe(cohort_share=0.1, limits_share=0.45)
    assert split_of(crowded, crowded=True).cohort_share == 0.1
    assert split_of(crowded, crowded=True).limits_share == 0.45
    assert split_of(crowded, crowded=False) == crowded.split
