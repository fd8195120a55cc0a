"""Every notebook runs from its first cell to its last, on data of a program, and is committed without outputs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from pipit.bundle.gates import evaluate_gates
from pipit.bundle.golden import check_golden
from pipit.bundle.reader import Bundle, open_bundle
from pipit.pipelines.served import serve_bundle

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
FACES = "02_face_recognition_training.ipynb"
SOUNDS = "03_sound_classification_training.ipynb"
EXPLORING = "data_exploration.ipynb"
ANALYSING = "model_analysis.ipynb"
MISTAKEN = "error_analysis.ipynb"
UNCHANGED = "CHANGES = {}"
SOUNDS_TASK = 'TASK = "home_security.sounds"'
Execute = Callable[..., NotebookNode]


def read(name: str) -> NotebookNode:
    (path,) = [path for path in NOTEBOOKS if path.name == name]
    return nbformat.read(path, as_version=4)


def printed(notebook: NotebookNode) -> str:
    """What all cells wrote."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return "".join(output.text for output in outputs if output.output_type == "stream")


def pictures(notebook: NotebookNode) -> int:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return sum("image/png" in output.get("data", {}) for output in outputs)


def players(notebook: NotebookNode) -> int:
    """Sounds that can be played."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return sum("<audio" in output.get("data", {}).get("text/html", "") for output in outputs)


def made_bundle(folder: Path, task: str) -> Bundle:
    (found,) = (folder / "runs" / task).glob("*/publish/bundle")
    return open_bundle(found)


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Runs a notebook in the test's folder, on a machine without data.

    changes: of its recipe, so that it is short. task: where the notebook is for any.
    """
    for variable in [name for name in os.environ if name.startswith("PIPIT_")]:
        monkeypatch.delenv(variable)
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))

    def run(name: str, changes: str = "{}", task: str = "") -> NotebookNode:
        notebook = read(name)
        (cell,) = [cell for cell in notebook.cells if UNCHANGED in cell.source.splitlines()]
        cell.source = cell.source.replace(UNCHANGED, f"CHANGES = {changes}")
        if task:
            assert SOUNDS_TASK in cell.source.splitlines()
            cell.source = cell.source.replace(SOUNDS_TASK, f'TASK = "{task}"')
        client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}})
        return client.execute()

    return run


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_committed_as_nobody_has_run_it(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    # What an editor keeps of the machine that it ran on.
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"] or "attachments" in cell] == []
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}


def test_the_page_names_every_notebook() -> None:
    page = (NOTEBOOKS[0].parent / "README.md").read_text("utf-8")
    assert re.findall(r"\]\((\w+\.ipynb)\)", page) == [path.name for path in NOTEBOOKS]


@pytest.mark.slow
def test_sounds(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(SOUNDS, '{"epochs": 12}')

    text = printed(notebook)
    assert "glass_breaking         20 clips of   10 recordings" in text
    bundle = made_bundle(tmp_path, "home_security.sounds")
    assert str(bundle.manifest.version) == "1.0.0"
    assert f"home_security.sounds 1.0.0 in {bundle.path.relative_to(tmp_path)}" in text
    assert set(bundle.manifest.labels) == {"glass_breaking", "siren", "dog", "crying_baby", "none"}
    with serve_bundle(bundle) as served:
        check_golden(bundle, bundle.manifest.default_variant, served.pipeline, served.runtime)
    # Every gate is told, whether it passes or not.
    gates = evaluate_gates(bundle.manifest)
    assert gates
    assert [gate for gate in gates if f"{'passes' if gate.passed else 'FAILS '} {gate}" not in text] == []
    right, asked = map(int, re.findall(r"(\d+) of (\d+) test clips are answered rightly", text)[0])
    assert asked == bundle.manifest.metrics["accuracy"].samples == 32
    assert right >= 16  # By chance 4: most are `none` of five labels that have to be reached.
    assert len(re.findall(r": is \w+, heard as ", text)) == asked - right
    assert pictures(notebook) == 3
    assert "Assets written" not in text

    # What looks at a training finds this one up to date and trains nothing.
    trained = sorted(tmp_path.rglob("state.json"))
    check_exploration_of_sounds(execute(EXPLORING, '{"epochs": 12}'))
    check_analysis(execute(ANALYSING, '{"epochs": 12}'), bundle)
    errors = execute(MISTAKEN, '{"epochs": 12}')
    check_errors(errors, asked - right)
    assert sorted(tmp_path.rglob("state.json")) == trained
    assert "fit: started" not in printed(errors)


def check_exploration_of_sounds(notebook: NotebookNode) -> None:
    text = printed(notebook)
    assert "synthetic_sounds: 160 usable, 0 not; layout esc50" in text
    assert re.search(r"^siren +20 +10 +12 +4 +4$", text, re.MULTILINE)
    assert "160 items of 80 groups" in text
    assert re.search(r"^fold\n  1 +32 items of +16 groups, 8 of 8 labels$", text, re.MULTILINE)
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
    assert f"calibration error {manifest.metrics['calibration_error'].value:.3f} over 32 samples" in text
    rows = re.findall(
        rf"^{bundle.path.parent.parent.name} +(\w+)(\*?) +([\d.]+) +32 +[\d.]+ +[\d.]+", text, re.MULTILINE
    )
    assert {name for name, _, _ in rows} == {variant.name for variant in manifest.variants}
    served = {name: float(accuracy) for name, star, accuracy in rows if star}
    assert served == {manifest.default_variant: round(manifest.metrics["accuracy"].value, 3)}
    assert pictures(notebook) == 7


def check_errors(notebook: NotebookNode, wrongly_said: int) -> None:
    """wrongly_said: of the test's 32 clips, as the notebook that trained counted them."""
    text = printed(notebook)
    wrong, of = map(int, re.findall(r"^(\d+) of (\d+) answers are wrong$", text, re.MULTILINE)[0])
    assert of == 32
    pairs = re.findall(r"^ *(\d+) of +\d+ (\w+) are taken for (\w+)$", text, re.MULTILINE)
    assert sum(int(count) for count, _, _ in pairs) == wrong
    in_groups = re.findall(r"^ *(\d+) of +\d+ answers are wrong in ", text, re.MULTILINE)
    assert sum(map(int, in_groups)) == wrong
    said = re.findall(r"^(glass_breaking|siren|dog|crying_baby|none) +(\S.*)$", text, re.MULTILINE)
    rightly = sum(int(dict(map(str.split, counts.split(", "))).get(truth, 0)) for truth, counts in said)
    assert rightly == 32 - wrongly_said
    worst = r"^\S+, 0.0 to 5.0 s: is \w+ \([\d.]+\), taken for \w+ \([\d.]+\), said "
    assert len(re.findall(worst, text, re.MULTILINE)) == min(wrong, 20)
    assert pictures(notebook) == 1 + bool(wrong)
    assert players(notebook) == min(wrong, 8)


@pytest.mark.slow
def test_pictures(execute: Execute) -> None:
    stage = {
        "name": "frozen",
        "optimiser": {"name": "adam", "learning_rate": 1e-6, "schedule": "constant"},
        "epochs": 1,
        "batch_size": 16,
    }
    changes = repr({"stages": [stage], "export": {"variants": ["float32"], "default_variant": "float32"}, "gates": []})

    seen = execute(EXPLORING, changes, "footprints.species")
    text = printed(seen)
    assert "96 items of 95 groups" in text
    assert re.search(r"^drawn_cat +24 +23 ", text, re.MULTILINE)
    twins = r"^nearly the same: \S+/drawn_cat/006.jpg \(\w+\), \S+/drawn_cat/016.jpg \(\w+\)$"
    assert re.search(twins, text, re.MULTILINE)
    low, high = map(float, re.findall(r"^brightness: (\S+) in \S+ to (\S+) in ", text, re.MULTILINE)[0])
    assert 0.0 < low < high < 1.0
    assert pictures(seen) == 3
    assert players(seen) == 0

    errors = execute(MISTAKEN, changes, "footprints.species")
    text = printed(errors)
    wrong, of = map(int, re.findall(r"^(\d+) of (\d+) answers are wrong$", text, re.MULTILINE)[0])
    # Hardly trained at all, so that there is something to look at.
    assert (wrong > 0, of) == (True, 19)
    assert len(re.findall(r": is \w+ \(", text)) == min(wrong, 20)
    assert pictures(errors) == 2
    assert players(errors) == 0


@pytest.mark.slow
def test_faces(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(FACES)

    text = printed(notebook)
    assert re.search(r"^enrol +72 pictures of +24 people$", text, re.MULTILINE)
    bundle = made_bundle(tmp_path, "home_security.faces")
    metrics = bundle.manifest.metrics
    assert bundle.manifest.labels == ("known", "unknown")
    with serve_bundle(bundle) as served:
        check_golden(bundle, bundle.manifest.default_variant, served.pipeline, served.runtime)
    gates = evaluate_gates(bundle.manifest)
    assert gates
    assert [gate for gate in gates if f"{'passes' if gate.passed else 'FAILS '} {gate}" not in text] == []
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
