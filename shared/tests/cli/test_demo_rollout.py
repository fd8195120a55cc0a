"""The demo's bad version: proven like a good one, and wrong in what it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipit.bundle import Bundle, open_bundle
from pipit.cli.demo.clips import Clip
from pipit.cli.demo.mislabelled import mislabelled


def test_its_labels_are_in_each_others_places_and_nothing_else_is_changed(
    make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    good = make_bundle("1.2.3")
    bad = mislabelled(good, tmp_path / "bad" / "bundle")
    assert str(bad.manifest.version) == "1.2.4-mislabelled"
    assert good.manifest.version < bad.manifest.version < type(good.manifest.version)("1.2.4")
    assert (good.manifest.labels, bad.manifest.labels) == (("loud", "quiet"), ("quiet", "loud"))
    assert bad.manifest.files == good.manifest.files
    assert bad.manifest.decision == good.manifest.decision
    # Made anew it is the same, so that a second demo finds it published.
    assert mislabelled(good, tmp_path / "bad" / "bundle").digest == bad.digest
    assert open_bundle(bad.path).digest == bad.digest


def test_lists_of_what_the_outputs_stand_for_are_renamed_too(
    make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    good = make_bundle("1.0.0")
    parameters: dict[str, Any] = {"output_labels": ["loud", "quiet", "hum", "hum"], "priorities": {"loud": "high"}}
    manifest = good.manifest.model_copy(
        update={
            "labels": ("quiet", "loud", "hum"),
            "pipeline": good.manifest.pipeline.model_copy(update={"parameters": parameters}),
            "decision": good.manifest.decision.model_copy(
                update={"background": "quiet", "thresholds": {"loud": 0.5, "hum": 0.5}}
            ),
        }
    )
    bad = mislabelled(dataclasses.replace(good, manifest=manifest), tmp_path / "bad").manifest
    assert bad.labels == ("quiet", "hum", "loud")
    assert bad.pipeline.parameters == {**parameters, "output_labels": ["hum", "quiet", "loud", "loud"]}
    assert bad.decision == manifest.decision


def test_a_clip_of_no_label_is_expected_to_be_background(make_bundle: Callable[..., Bundle]) -> None:
    manifest = make_bundle("1.0.0").manifest
    label = manifest.labels[0]
    assert Clip(Path("a.wav"), label).expected(manifest) == label
    decision = manifest.decision.model_copy(update={"background": label})
    assert Clip(Path("a.wav"), "rain").expected(manifest.model_copy(update={"decision": decision})) == label
