from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.bundle import SemanticVersion, read_golden
from pipit.bundle.manifest import Decision, InputDescription, Network, PipelineReference, ScoreHistogram
from pipit.inputs import Landmarks
from pipit.training.progress import LogProgress
from pipit.training.publish import code_version, make_bundle, next_version
from pipit.training.recipe import DataSource, Recipe, Split
from pipit.training.run import Run
from pipit.training.trainer import BundleDraft, NetworkFile, VariantFile

versions = st.builds(
    lambda major, minor, patch, tail: SemanticVersion(f"{major}.{minor}.{patch}{tail}"),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["", "-rc.1", "-alpha", "+build.7", "-rc.2+exp"]),
)


def test_the_first_version_is_1_0_0() -> None:
    assert str(next_version([])) == "1.0.0"


def test_a_new_training_is_a_minor_step_after_the_newest() -> None:
    assert str(next_version([SemanticVersion(v) for v in ("1.9.0", "1.10.3", "1.2.0")])) == "1.11.0"
    assert str(next_version([SemanticVersion("2.0.0-rc.1+x")])) == "2.1.0"


@given(st.lists(versions, min_size=1, max_size=8))
def test_it_is_newer_than_all(published: list[SemanticVersion]) -> None:
    assert all(version < next_version(published) for version in published)


def test_the_code_version_names_the_package_and_the_commit() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+( \([0-9a-f]{7,40}(\+dirty)?\))?", code_version())


class StagedTrainer:
    """What `make_bundle` needs of a trainer: a draft with two networks."""

    def __init__(self, staged: ModuleType, folder: Path) -> None:
        self.staged = staged
        self.files = {"float32": folder / "named.onnx", "finder": folder / "finder.onnx"}
        self.files["float32"].write_bytes(staged.network(staged.NAMES))
        self.files["finder"].write_bytes(staged.network(staged.FINDS))

    def draft(self, run: Run) -> BundleDraft:
        return BundleDraft(
            labels=self.staged.LABELS,
            input=InputDescription(kind="landmarks", shape=(3,)),
            pipeline=PipelineReference(name=self.staged.TASK),
            variants=(VariantFile("float32", "onnx", self.files["float32"]),),
            decision=Decision(),
            metrics={},
            golden=[Landmarks(self.staged.SAMPLE)],
            best_scores=ScoreHistogram(upper=(1.0,), share=(1.0,), samples=1),
            split_rule="none",
            networks={"finder": NetworkFile("onnx", self.files["finder"])},
        )


def test_a_bundle_of_two_networks_is_made_and_answers(staged: ModuleType, tmp_path: Path) -> None:
    recipe = Recipe(
        task=staged.TASK,
        name="plain",
        network="linear",
        data=(DataSource(kind="none", path="none", licence="CC0"),),
        split=Split(rule="group"),
    )
    run = Run(tmp_path, recipe, "a" * 64, tmp_path, LogProgress())
    bundle = make_bundle(StagedTrainer(staged, tmp_path), run, SemanticVersion("1.0.0"), tmp_path / "bundle")
    assert bundle.manifest.networks == {"finder": Network(runtime="onnx", file="networks/finder.onnx")}
    assert sorted(bundle.manifest.files) == ["golden.npz", "networks/finder.onnx", "weights/float32.onnx"]
    (sample,) = read_golden(bundle.file("golden.npz"))
    assert sample.scores["float32"] == pytest.approx(staged.scores_of(staged.SAMPLE), abs=1e-6)
