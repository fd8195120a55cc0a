"""What a program made is known for that, wherever it goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipit.data.synthetic import MARK, mark_synthetic, synthesise, synthetic_among


def written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return path


def test_a_mark_holds_for_all_that_lies_below_it_and_for_nothing_else(tmp_path: Path) -> None:
    made = written(tmp_path / "made" / "deep" / "er" / "1.jpg")
    real = written(tmp_path / "real" / "1.jpg")
    (tmp_path / "made" / MARK).write_text("a program drew these\n")
    assert synthetic_among([made, real]) == ("made",)
    assert synthetic_among([real]) == ()
    assert synthetic_among([tmp_path / "made"]) == ("made",)
    assert synthetic_among([]) == ()


def test_a_link_to_a_synthetic_file_is_synthetic(tmp_path: Path) -> None:
    made = written(tmp_path / "made" / "1.jpg")
    mark_synthetic(tmp_path / "made", ("drawings",))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "1.jpg").symlink_to(made)
    assert synthetic_among([tmp_path / "mine" / "1.jpg"]) == ("drawings",)


def test_a_file_has_its_mark_beside_it(tmp_path: Path) -> None:
    made, real = written(tmp_path / "made.npz"), written(tmp_path / "real.npz")
    mark_synthetic(made, ("faces",))
    assert (tmp_path / f"made.npz.{MARK}").is_file()
    assert synthetic_among([real]) == ()
    assert synthetic_among([real, made]) == ("faces",)


def test_a_mark_keeps_the_names_of_what_it_was_made_of(tmp_path: Path) -> None:
    for name, origins in (("one", ("b", "a")), ("other", ("c",))):
        written(tmp_path / name / "1.txt")
        mark_synthetic(tmp_path / name, origins)
    assert synthetic_among([tmp_path / "one" / "1.txt", tmp_path / "other" / "1.txt"]) == ("a", "b", "c")


def test_what_is_synthesised_is_marked_whether_its_domain_does_it_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipit.data.synthetic.entry_points", lambda group, name: [_Point()])
    folder = synthesise("test.pictures", tmp_path)
    assert synthetic_among([folder / "1.jpg"]) == ("synthetic_pictures",)


class _Point:
    """Of a domain that writes no mark."""

    @staticmethod
    def load() -> object:
        return lambda folder: written(folder / "1.jpg")
