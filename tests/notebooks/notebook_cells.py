"""The notebooks of this repository, and what their cells left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from pipit.bundle.gates import evaluate_gates
from pipit.bundle.golden import check_golden
from pipit.bundle.reader import Bundle, open_bundle
from pipit.pipelines.served import serve_bundle

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(
    path.relative_to(FOLDER).as_posix() for path in (*FOLDER.glob("*.ipynb"), *FOLDER.glob("models/*.ipynb"))
)
"""Below their folder."""
Execute = Callable[..., NotebookNode]
"""Of a notebook, with `changes` of its recipe and perhaps another `task`."""
EXPLORING = "data_exploration.ipynb"
ANALYSING = "model_analysis.ipynb"
MISTAKEN = "error_analysis.ipynb"


def read(name: str) -> NotebookNode:
    assert name in NOTEBOOKS
    return nbformat.read(FOLDER / name, as_version=4)


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


def made_bundle(folder: Path, task: str, notebook: NotebookNode) -> Bundle:
    """What a notebook has trained: it answers as it should, and every gate was told, whether it passes or not."""
    (found,) = (folder / "runs" / task).glob("*/publish/bundle")
    bundle = open_bundle(found)
    with serve_bundle(bundle) as served:
        check_golden(bundle, bundle.manifest.default_variant, served.pipeline, served.runtime)
    gates = evaluate_gates(bundle.manifest)
    assert gates
    text = printed(notebook)
    assert f"{task} {bundle.manifest.version} in " in text
    assert [gate for gate in gates if f"{'passes' if gate.passed else 'FAILS '} {gate}" not in text] == []
    return bundle
