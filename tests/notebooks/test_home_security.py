"""Sounds, and at them what looks at any task; faces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from home_security.sounds.synthetic import write_synthetic_set
from nbformat import NotebookNode
from notebook_cells import ANALYSING, EXPLORING, MISTAKEN, Execute, made_bundle, pictures, players, printed
from pipit.bundle.reader import Bundle

FACES = "02_face_recognition_training.ipynb"
SOUNDS = "03_sound_classification_training.ipynb"
SHORT = '{"epochs": 12, "export.variants": ["float32", "int8"]}'
TESTED = 16
"""Clips of the test side."""


@pytest.mark.slow
def test_sounds(execute: Execute, tmp_path: Path) -> None:
    write_synthetic_set(tmp_path / "data" / "synthetic_sounds", clips_per_class=10)
    notebook = execute(SOUNDS, SHORT)

    text = printed(notebook)
    assert "glass_breaking         10 clips of    5 recordings" in text
    bundle = made_bundle(tmp_path, "home_security.sounds", notebook)
    assert f"home_security.sounds 1.0.0 in {bundle.path.relative_to(tmp_path)}" in text
    assert set(bundle.manifest.labels) == {"glass_breaking", "siren", "dog", "crying_baby", "none"}
    right, asked = map(int, re.findall(r"(\d+) of (\d+) test clips are answered rightly", text)[0])
    assert asked == bundle.manifest.metrics["accuracy"].samples == TESTED
    assert right >= 10  # Always `none` would be right about 8.
    assert len(re.findall(r": is \w+, heard as ", text)) == asked - right
    assert pictures(notebook) == 3
    assert "Assets written" not in text

    # What looks at a training finds this one up to date and trains nothing.
    trained = sorted(tmp_path.rglob("state.json"))
    check_exploration_of_sounds(execute(EXPLORING, SHORT))
    check_analysis(execute(ANALYSING, SHORT), bundle)
    errors = execute(MISTAKEN, SHORT)
    check_errors(errors, asked - right)
    assert sorted(tmp_path.rglob("state.json")) == trained
    assert "fit: started" not in printed(errors)


def check_exploration_of_sounds(notebook: NotebookNode) -> None:
    text = printed(notebook)
    assert "synthetic_sounds: 80 usable, 0 not; layout esc50" in text
    assert re.search(r"^siren +10 +5 +6 +2 +2$", text, re.MULTILINE)
    assert "80 items of 40 groups" in text
    assert re.search(r"^fold\n  1 +16 items of +8 groups, 8 of 8 labels$", text, re.MULTILINE)
    low, high = map(float, re.findall(r"^loudness: (\S+) in \S+ to (\S+) in ", text, re.MULTILINE)[0])
    assert -60.0 < low < high < 0.0
    assert "of them on two sides of the split: 0" in text
    assert pictures(notebook) == 3
    assert players(notebook) == 8


def check_analysis(notebook: NotebookNode, bundle: Bundle) -> None:
    text = printed(notebook)
    manifest = bundle.manifest
    for name, metric in manifest.metrics.items():
        assert re.search(rf"^{re.escape(name)} +{metric.value:.3f}\b", text, re.MULTILINE), name
    for label, threshold in manifest.decision.thresholds.items():
        assert re.search(rf"^{label} .* {threshold:.2f} ", text, re.MULTILINE), label
    assert f"calibration error {manifest.metrics['calibration_error'].value:.3f} over {TESTED} samples" in text
    rows = re.findall(
        rf"^{bundle.path.parent.parent.name} +(\w+)(\*?) +([\d.]+) +{TESTED} +[\d.]+ +[\d.]+", text, re.MULTILINE
    )
    assert {name for name, _, _ in rows} == {variant.name for variant in manifest.variants}
    served = {name: float(accuracy) for name, star, accuracy in rows if star}
    assert served == {manifest.default_variant: round(manifest.metrics["accuracy"].value, 3)}
    assert pictures(notebook) == 7


def check_errors(notebook: NotebookNode, wrongly_said: int) -> None:
    """wrongly_said: of the test's clips, as the notebook that trained counted them."""
    text = printed(notebook)
    wrong, of = map(int, re.findall(r"^(\d+) of (\d+) answers are wrong$", text, re.MULTILINE)[0])
    assert of == TESTED
    pairs = re.findall(r"^ *(\d+) of +\d+ (\w+) are taken for (\w+)$", text, re.MULTILINE)
    assert sum(int(count) for count, _, _ in pairs) == wrong
    in_groups = re.findall(r"^ *(\d+) of +\d+ answers are wrong in ", text, re.MULTILINE)
    assert sum(map(int, in_groups)) == wrong
    said = re.findall(r"^(glass_breaking|siren|dog|crying_baby|none) +(\S.*)$", text, re.MULTILINE)
    rightly = sum(int(dict(map(str.split, counts.split(", "))).get(truth, 0)) for truth, counts in said)
    assert rightly == TESTED - wrongly_said
    worst = r"^\S+, 0.0 to 5.0 s: is \w+ \([\d.]+\), taken for \w+ \([\d.]+\), said "
    assert len(re.findall(worst, text, re.MULTILINE)) == min(wrong, 20)
    assert pictures(notebook) == 1 + bool(wrong)
    assert players(notebook) == min(wrong, 8)


@pytest.mark.slow
def test_faces(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(FACES)

    text = printed(notebook)
    assert re.search(r"^enrol +72 pictures of +24 people$", text, re.MULTILINE)
    bundle = made_bundle(tmp_path, "home_security.faces", notebook)
    metrics = bundle.manifest.metrics
    assert bundle.manifest.labels == ("known", "unknown")
    # The bundle knows nobody; the gallery of the last cell names as many as the evaluation did.
    assert "an empty gallery: unknown\n" in text
    said = {
        (who, what): int(count)
        for who, what, count in re.findall(r"^(known people|strangers) +(\S.*?) +(\d+)$", text, re.MULTILINE)
    }
    known = sum(count for (who, _), count in said.items() if who == "known people")
    strangers = sum(count for (who, _), count in said.items() if who == "strangers")
    assert known == metrics["found"].samples
    assert strangers == metrics["let_in"].samples
    assert said["known people", "named rightly"] == round(metrics["found"].value * known) > 0
    assert strangers - said.get(("strangers", "unknown"), 0) == round(metrics["let_in"].value * strangers)
    assert pictures(notebook) == 3
    # Everybody's name stays in the run and in the notebook: what is passed on has none.
    assert b"person_" not in b"".join(path.read_bytes() for path in bundle.path.rglob("*") if path.is_file())
