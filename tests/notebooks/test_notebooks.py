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
UNCHANGED = "CHANGES = {}"
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


def made_bundle(folder: Path, task: str) -> Bundle:
    (found,) = (folder / "runs" / task).glob("*/publish/bundle")
    return open_bundle(found)


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Runs a notebook in an empty folder, on a machine without data. changes: of its recipe, so that it is short."""
    for variable in [name for name in os.environ if name.startswith("PIPIT_")]:
        monkeypatch.delenv(variable)
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))

    def run(name: str, changes: str = "{}") -> NotebookNode:
        notebook = read(name)
        (cell,) = [cell for cell in notebook.cells if UNCHANGED in cell.source.splitlines()]
        cell.source = cell.source.replace(UNCHANGED, f"CHANGES = {changes}")
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
