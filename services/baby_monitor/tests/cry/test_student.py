from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from baby_monitor.cry.distillation import NOT_KNOWN, DistilledLoss, joined, labels_of, taught
from baby_monitor.cry.labels import NO_CRY
from baby_monitor.cry.network import AdjustedLoss, build_network
from baby_monitor.cry.recipe import CryRecipe, Distillation
from baby_monitor.cry.synthetic import RATE, crying, room
from baby_monitor.cry.task import CryTrainer
from baby_monitor.cry.teacher import babies_on, read_teacher, teacher_files
from pipit.bundle import open_bundle
from pipit.bundle.golden import check_golden
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import PcmAudio
from pipit.pipelines.served import serve_bundle
from pipit.training.recipe import load_recipe
from pipit.training.run import open_run, read_records
from pipit.training.steps import actions_of, run_steps
from pipit.training.torch_data import Samples

SHARES = np.log(np.float32([0.75, 0.25]))


def test_the_loss_is_the_labels_and_the_teacher_s_by_their_weights() -> None:
    # The gate's score, then logits; the student gives even odds, the teacher 3 to 1 at a temperature of 2.
    outputs = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    told = np.float32([[2.0 * np.log(3.0), 0.0], [2.0 * np.log(3.0), 0.0]])
    targets = torch.from_numpy(taught(np.array([0, NOT_KNOWN]), told))
    found = DistilledLoss(AdjustedLoss(SHARES, 0.0), Distillation(weight=0.25, temperature=2.0))(outputs, targets)
    apart = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert found.tolist() == pytest.approx([0.75 * np.log(2.0) + 0.25 * 4.0 * apart, 0.25 * 4.0 * apart], rel=1e-5)
    # Who says what the teacher says has nothing left to learn of it.
    same = torch.from_numpy(np.concatenate([np.ones((2, 1), np.float32), told + 5.0], axis=1))
    alone = DistilledLoss(AdjustedLoss(SHARES, 0.0), Distillation(weight=1.0))(same, targets)
    assert alone.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    # What makes up for rare reasons holds for labels alone.
    adjusted = DistilledLoss(AdjustedLoss(SHARES, 1.0), Distillation(weight=0.0))(outputs, targets)
    assert adjusted.tolist() == pytest.approx([-np.log(0.75), 0.0], rel=1e-5)


def test_targets_keep_their_labels_and_the_unlabelled_are_counted_nowhere() -> None:
    known = Samples({"heard": np.zeros((2, 3), np.float32)}, np.array([1, 0]))
    unknown = Samples({"heard": np.ones((1, 3), np.float32)}, np.array([NOT_KNOWN]))
    both = joined(known, unknown)
    assert both.inputs["heard"].sum(axis=1).tolist() == [0.0, 0.0, 3.0]
    assert labels_of(both.targets).tolist() == [1, 0]
    assert labels_of(taught(both.targets, np.full((3, 2), 0.5, np.float32))).tolist() == [1, 0]


def test_its_size(recipe_of: Callable[..., CryRecipe]) -> None:
    network = build_network(recipe_of("student"), (64, 672), 3)
    assert sum(weight.numel() for weight in network.parameters()) == 921_667
    assert network(torch.randn(2, 1 + 64 * 672)).shape == (2, 4)


def write_unlabelled(folder: Path) -> None:
    """A cry of every recorder of the synthetic set, and one of somebody else, in a folder of its own."""
    for name in (*(f"recorder{number:02d}_9" for number in range(10)), "else/anna_1"):
        path = folder / "unlabelled_cries" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, crying(2.0, len(name)), RATE)


@pytest.mark.slow
def test_it_learns_from_a_teacher_and_is_served_in_8_bits(
    tmp_path: Path,
    recipe_of: Callable[..., CryRecipe],
    train_on_cries: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes = tmp_path / "configs"
    shutil.copytree(CryTrainer.recipe_folder, recipes)
    short = (recipes / "cry-yamnet.yaml").read_text("utf-8").replace("copies: 3", "copies: 0")
    (recipes / "cry-yamnet.yaml").write_text(short, "utf-8")
    monkeypatch.setattr(CryTrainer, "recipe_folder", recipes)
    data = (
        {"kind": "cries", "path": "synthetic_cry", "licence": ""},
        {"kind": "unlabelled", "path": "unlabelled_cries", "licence": ""},
        {"kind": "background", "path": "quiet", "licence": "", "piece_seconds": 2.0},
    )
    bundle, _, fit = train_on_cries(
        "student", write_unlabelled, data=data, epochs=8, optimiser={"learning_rate": 0.005}
    )
    assert bundle.manifest.metrics["cries.accuracy"].value > 0.8
    assert bundle.manifest.default_variant == "int8"
    parity = json.loads((fit.parent / "verify" / "parity.json").read_bytes())
    assert parity["int8"]["agreement"] >= 0.9
    sizes = {variant: bundle.weights(variant).stat().st_size for variant in ("float32", "int8")}
    assert sizes["int8"] < 0.3 * sizes["float32"]
    with serve_bundle(open_bundle(bundle.path)) as served:
        assert check_golden(bundle, "int8", served.pipeline, served.runtime) == 0.0
        sound = np.concatenate([room(4.0), crying(3.0, 77), room(4.0)])[:, np.newaxis]
        assert [answer.label for answer in served.answer(PcmAudio(sound, RATE))] == ["hungry"]
        assert {answer.label for answer in served.answer(PcmAudio(room(4.0)[:, np.newaxis], RATE))} == {NO_CRY}

    # It was taught by the recipe's own run, on the same sides; of the unlabelled, babies held out are left out.
    facts = read_records(fit.parent)["fit"].facts
    teacher = read_teacher(fit.parent.parent / facts["teacher"])
    entries = json.loads((fit.parent / "prepare" / "items.json").read_bytes())
    sides = ("train", "validation", "test")
    assert [babies_on(teacher.entries, (s,)) for s in sides] == [babies_on(entries, (s,)) for s in sides]
    assert facts["unlabelled"] == 11 - len(babies_on(entries, ("validation", "test"))) == 7
    assert "another network's answers (yamnet)" in (fit.parent / "verify/report/model_card.md").read_text("utf-8")

    # Its run can be named, unless a baby that it heard is held out from the student.
    student = load_recipe(fit.parent / "recipe.yaml", CryRecipe, {"teacher": str(teacher.folder)})
    teacher.require_fit(student, entries)
    files = teacher_files(student, recipes, tmp_path / "data")
    assert sorted(files) == ["teacher/float32.onnx", "teacher/items.json", "teacher/recipe.yaml"]
    trainer = CryTrainer(student.model_copy(update={"seed": 2}), tmp_path / "data")
    with (
        open_run(trainer, tmp_path / "runs") as run,
        pytest.raises(InvalidInput, match=r"recorders of the teacher's train side are held out from the student"),
    ):
        run_steps(run, actions_of(trainer), "fit")
    torn = [{**entry, "side": "test"} if entry["side"] == "validation" else entry for entry in entries]
    with pytest.raises(InvalidInput, match="2 recorders of the teacher's validation side are held out"):
        teacher.require_fit(student, torn)
    # Another folder makes no other baby.
    moved = [{**entry, "group": entry["group"].replace("synthetic_cry/", "copied/")} for entry in torn]
    with pytest.raises(InvalidInput, match=r"for example recorder0\d"):
        teacher.require_fit(student, moved)
    with pytest.raises(InvalidInput, match="knows hungry, pain, tired, not hungry, pain; take another"):
        teacher.require_fit(student, [entry for entry in entries if entry["label"] != "tired"])
    longer = student.features.model_copy(update={"window_seconds": 3.0})
    with pytest.raises(InvalidInput, match="hears other windows"):
        teacher.require_fit(student.model_copy(update={"features": longer}), entries)


def test_a_teacher_that_is_not_there_is_named(recipe_of: Callable[..., CryRecipe], tmp_path: Path) -> None:
    recipe = recipe_of("student", teacher=str(tmp_path / "nowhere"))
    with pytest.raises(NotFound, match=r"is no recipe of baby_monitor.cry \(.*yamnet\), and no trained run"):
        teacher_files(recipe, CryTrainer.recipe_folder, tmp_path)
    assert list(teacher_files(recipe_of("student"), CryTrainer.recipe_folder, tmp_path)) == ["teacher/cry-yamnet.yaml"]
    without = recipe_of("student", **{"distillation.weight": 0.0})
    assert teacher_files(without, CryTrainer.recipe_folder, tmp_path) == {}
    assert not recipe_of("yamnet").has_teacher
