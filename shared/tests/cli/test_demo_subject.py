from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from pipit.cli.demo.subject import choose_subject
from pipit.data.demo import load_demo
from pipit.errors import NotFound

pytest.importorskip("home_security", reason="needs services/home_security")


@pytest.fixture
def esc50(tmp_path: Path) -> Path:
    """A data folder that looks as if ESC-50 lay in it."""
    (tmp_path / "data" / "esc50" / "meta").mkdir(parents=True)
    (tmp_path / "data" / "esc50" / "meta" / "esc50.csv").write_text("filename,fold\n")
    return tmp_path / "data"


@pytest.mark.parametrize(("backbone", "recipe"), [(True, ""), (False, "small")])
def test_real_data_are_taken_with_the_recipe_that_fits(
    esc50: Path, tmp_path: Path, backbone: bool, recipe: str
) -> None:
    if backbone:
        (esc50 / "backbones").mkdir()
        (esc50 / "backbones" / "yamnet_logmel96x64_w8.onnx").write_bytes(b"network")
    subject = choose_subject("", tmp_path / "state", esc50, False, "", {})
    assert (subject.task, subject.recipe, subject.synthetic) == ("home_security.sounds", recipe, False)
    assert (subject.trained_on, subject.description) == ("real clips", f"real clips in {esc50 / 'esc50'}")
    named = choose_subject("home_security.sounds", tmp_path / "state", esc50, False, "guide", {})
    assert named.recipe == "guide"


@pytest.mark.parametrize("wanted", [True, False])
def test_else_a_program_makes_them_and_the_demo_says_so(esc50: Path, tmp_path: Path, wanted: bool) -> None:
    subject = choose_subject("", tmp_path / "state", esc50 if wanted else tmp_path / "nothing", wanted, "", {})
    assert (subject.recipe, subject.synthetic) == ("synthetic", True)
    assert subject.trained_on == "SYNTHETIC sounds"
    assert "they say nothing about real houses" in subject.description
    assert subject.data == tmp_path / "state" / "data"
    assert (subject.data / "synthetic_sounds").is_dir()


def test_a_task_without_a_demo_says_which_have_one() -> None:
    with pytest.raises(NotFound, match=r"no demo of 'bees\.hum'; there is one of home_security\.sounds"):
        load_demo("bees.hum")


def test_a_domain_of_ones_own_brings_its_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("bees.hum", "home_security.demo:SOUNDS", "pipit.demo")])
    monkeypatch.setattr("pipit.data.demo.entry_points", lambda group: points)
    assert load_demo("")[0] == "bees.hum"
    monkeypatch.setattr("pipit.data.demo.entry_points", lambda group: EntryPoints())
    with pytest.raises(NotFound, match=r"no installed domain brings a demo; .*services/DOMAIN\[train\]"):
        load_demo("")
