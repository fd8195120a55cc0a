from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from footprints.detector.data import LabelledPicture
from footprints.detector.recipe import GROUND, DetectorRecipe
from footprints.detector.without_prints import (
    UNSEEN,
    ground_pictures,
    printless_files,
    quiet_threshold,
    read_printless,
    shares_found,
)
from footprints.prints import Print
from PIL import Image
from pipit.errors import NotFound
from pipit.types import Box

SOMEWHERE = Box(1, 1, 5, 5)


@pytest.fixture
def make_recipe() -> Callable[..., DetectorRecipe]:
    def make(**changes: object) -> DetectorRecipe:
        def source(path: str, **more: object) -> dict[str, object]:
            return {"kind": "without_prints", "path": path, "licence": "none", "optional": True, **more}

        values: dict[str, object] = {
            "task": "footprints.detector",
            "name": "test",
            "network": "yolov8n",
            "data": [
                {"kind": "photographs", "path": "footprints", "licence": "none"},
                source("faces"),
                source("other/known", groups="name"),
                source("rooms", trains=False),
            ],
            "split": {"rule": "group", "test_share": 0.25, "validation_share": 0.25},
        }
        return DetectorRecipe.model_validate({**values, **changes})

    return make


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """20 people: three pictures each in `faces`, and one more of each in `other/known`; 2 rooms."""
    for number in range(20):
        name = f"Person_{chr(ord('A') + number)}"
        paths = [tmp_path / "faces" / name / f"{name}_{take:04d}.jpg" for take in range(3)]
        paths.append(tmp_path / "other/known/happy" / f"{name}_0009.jpg")
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (number, 0, 0)).save(path)
    for number in range(2):
        (tmp_path / "rooms").mkdir(exist_ok=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "rooms" / f"{number}.png")
    return tmp_path


def test_a_person_of_two_data_sets_stays_on_one_side(make_recipe: Callable[..., DetectorRecipe], people: Path) -> None:
    found = read_printless(make_recipe(), people)
    assert (found.problems, found.absent) == ((), ())
    sides = {
        side: {p.source for p in found.pictures if p.side == side and p.kind != "rooms"}
        for side in ("train", "validation", "test")
    }
    assert not sides["train"] & sides["validation"]
    assert not sides["train"] & sides["test"]
    assert not sides["validation"] & sides["test"]
    assert [len(sides[side]) for side in sides] == [10, 5, 5]
    for person in sides["test"]:
        assert {p.kind for p in found.pictures if p.source == person} == {"faces", "known"}
    rooms = [picture for picture in found.pictures if picture.kind == "rooms"]
    assert [(p.side, p.size, p.boxes) for p in rooms] == [("test", (20, 20), ())] * 2


def test_of_each_kind_no_more_train_than_the_recipe_takes(
    make_recipe: Callable[..., DetectorRecipe], people: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(without_prints={"train": 4})
    found = read_printless(recipe, people).pictures
    everything = read_printless(make_recipe(), people).pictures
    for side, counts in (("train", (4, 4)), ("validation", (15, 5)), ("test", (15, 5))):
        assert tuple(sum(p.side == side and p.kind == kind for p in found) for kind in ("faces", "known")) == counts
    assert set(found) < set(everything)
    names = []
    for number in range(6):
        names.append((f"{number}.png", "train" if number < 5 else "test", f"photograph {number}"))
        Image.new("RGB", (80, 70)).save(tmp_path / f"{number}.png")
    ground = ground_pictures(tmp_path, recipe, names)
    assert sorted(p.side for p in ground) == ["test", "train", "train", "train", "train"]
    assert {(p.kind, p.size) for p in ground} == {(GROUND, (80, 70))}


def test_what_is_missing_is_told_and_what_has_to_be_there_is_asked_for(
    make_recipe: Callable[..., DetectorRecipe], people: Path
) -> None:
    (people / "faces/Person_A/broken.jpg").write_bytes(b"no picture")
    (people / "rooms").rename(people / "elsewhere")
    found = read_printless(make_recipe(), people)
    assert found.absent == ("rooms",)
    (problem,) = found.problems
    assert problem.startswith(str(people / "faces/Person_A/broken.jpg"))
    files = printless_files(make_recipe(), people)
    assert files["known/happy/Person_A_0009.jpg"] == people / "other/known/happy/Person_A_0009.jpg"
    assert len(files) == 81
    required = json.loads(make_recipe().model_dump_json())
    required["data"][3]["optional"] = False
    with pytest.raises(NotFound, match="rooms"):
        printless_files(DetectorRecipe.model_validate(required), people)
    assert read_printless(make_recipe(), None).absent == ("faces", "other/known", "rooms")


def _picture(kind: str, source: str) -> LabelledPicture:
    return LabelledPicture(Path("a"), "test", source, (10, 10), (), kind)


def _found(score: float) -> tuple[Print, ...]:
    return (Print(SOMEWHERE, score), Print(SOMEWHERE, score / 2)) if score else ()


def test_the_threshold_keeps_every_kind_quiet() -> None:
    scores = [*np.linspace(0.01, 0.5, 50), *np.linspace(0.0, 0.98, 50)]
    pictures = [_picture("ground" if i < 50 else "faces", str(i)) for i in range(100)]
    found = [_found(float(score)) for score in scores]
    for share, loud in ((0.0, 0), (0.02, 1), (0.1, 5)):
        threshold = quiet_threshold(pictures, found, share)
        above = [p.kind for p, score in zip(pictures, scores, strict=True) if score >= threshold]
        # The loudest kind decides; in the other one nothing is left.
        assert above == ["faces"] * loud
    assert quiet_threshold([], [], 0.02) == 0.0
    assert quiet_threshold(pictures[:1], [()], 0.0) < 1e-9


def test_shares_are_told_by_kind_and_people_count_once(make_recipe: Callable[..., DetectorRecipe]) -> None:
    pictures = [_picture("faces", f"person {i // 10}") for i in range(100)]
    pictures += [_picture(GROUND, f"photograph {i}") for i in range(100)] + [_picture("rooms", "one")] * 4
    scores = [0.9] * 10 + [0.1] * 90 + [0.9] * 10 + [0.1] * 90 + [0.9] + [0.1] * 3
    shares = shares_found(pictures, [_found(score) for score in scores], 0.5, make_recipe())
    assert {name: (share.value, share.samples) for name, share in shares.items()} == {
        "": (0.1, 200),
        "faces": (0.1, 100),
        GROUND: (0.1, 100),
        "rooms": (0.25, 4),
        UNSEEN: (0.25, 4),
    }
    faces, ground = shares["faces"], shares[GROUND]
    assert faces.high is not None
    assert ground.high is not None
    # Ten people say less than a hundred photographs.
    assert faces.high > 0.4
    assert ground.high < 0.2
    quiet = shares_found(pictures, [() for _ in pictures], 0.5, make_recipe())["faces"]
    assert (quiet.value, quiet.low) == (0.0, 0.0)
    assert quiet.high is not None
    assert 0.2 < quiet.high < 0.4
    assert "rooms" not in shares_found(pictures[:200], [()] * 200, 0.5, make_recipe())
