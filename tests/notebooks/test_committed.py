from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from notebook_cells import FOLDER, NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_committed_as_nobody_has_run_it(name: str) -> None:
    notebook = json.loads((FOLDER / name).read_text("utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    # What an editor keeps of the machine that it ran on.
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"] or "attachments" in cell] == []
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}


def test_the_page_names_every_notebook() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"\]\(([\w/]+\.ipynb)\)", page)) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_a_notebook_names_is_there(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    pages = re.findall(r"`((?:docs|services)/[\w./-]+\.(?:md|yaml)|[\w./]+\.ipynb)`", text)
    assert pages
    # Notebooks by the way from this one, all else from the repository's folder.
    roots = {".ipynb": (FOLDER / name).parent}
    assert [page for page in pages if not (roots.get(Path(page).suffix, FOLDER.parent) / page).is_file()] == []
