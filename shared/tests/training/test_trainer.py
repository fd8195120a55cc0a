from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pipit.errors import NotFound
from pipit.training.trainer import installed_trainers, load_trainer


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on disk, as an installer leaves it, that brings the trainers of two tasks."""
    information = tmp_path / "sparrow-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sparrow\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[pipit.trainers]\nsparrow.songs = sparrow_songs:SongTrainer\nsparrow.nests = sparrow_nests:NestTrainer\n"
    )
    (tmp_path / "sparrow_songs.py").write_text("class SongTrainer:\n    default_recipe = 'dawn'\n")
    (tmp_path / "sparrow_nests.py").write_text("import twigs_and_moss\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("package")
def test_a_trainer_is_found_by_its_task() -> None:
    assert {"sparrow.nests", "sparrow.songs"} <= set(installed_trainers())
    assert load_trainer("sparrow.songs").default_recipe == "dawn"


@pytest.mark.usefixtures("package")
def test_a_trainer_whose_libraries_are_missing() -> None:
    with pytest.raises(
        NotFound, match=r"needs the package 'twigs_and_moss'; in the repository, run: .*services/sparrow\[train\]"
    ):
        load_trainer("sparrow.nests")


@pytest.mark.usefixtures("package")
def test_a_task_that_nobody_trains() -> None:
    with pytest.raises(
        NotFound, match=r"no trainer of 'sparrow\.eggs' is installed here \(installed: .*sparrow\.songs"
    ):
        load_trainer("sparrow.eggs")


def test_the_library_imports_no_network_library() -> None:
    """Modules that are about one of them, as `keras_fit` and `torch_fit` are, say so in their name."""
    code = """
import importlib, pkgutil, sys
import pipit.training
for module in pkgutil.iter_modules(pipit.training.__path__):
    if not module.name.startswith(("keras_", "torch_")):
        importlib.import_module(f"pipit.training.{module.name}")
print(sorted({"tensorflow", "keras", "torch"} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout == "[]\n"
