"""What a pipeline asks of `pipit train`: gates, a report for others, and the data that the recipe is meant for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle import open_bundle
from pipit.cli.exit_codes import ExitCode
from pipit.errors import NotFound
from pipit.registry import RegistryClient

TASK = "test.loudness"
TOO_HIGH = ("--set", "gates.0.limit=1.1")


def published(registry: str) -> list[str]:
    with RegistryClient(registry) as client:
        try:
            return [version.version for version in client.list_versions(TASK).versions]
        except NotFound:
            return []


def test_what_passes_is_published_and_never_promoted(train: Any, registry: str, tmp_path: Path) -> None:
    called = train("train", "--require-gates", "--publish", "--registry", registry, "--report", tmp_path / "report")
    assert called.code == 0, called.err
    assert published(registry) == ["1.0.0"]
    with RegistryClient(registry) as client:
        assert client.list_versions(TASK).environments == ()
    page = (tmp_path / "report" / "summary.md").read_text()
    assert page.startswith("## test.loudness, recipe plain\n")
    assert "Published as version 1.0.0, and not promoted" in page
    assert "| good enough | accuracy | > 0.7 | 1 | passed |" in page
    assert "| fit |" in page


def test_what_fails_is_shown_and_not_published(train: Any, registry: str, tmp_path: Path) -> None:
    options = (*TOO_HIGH, "--require-gates", "--publish", "--registry", registry, "--report", tmp_path / "report")
    called = train("train", *options)
    assert called.code == ExitCode.GATES_FAILED
    assert "accuracy is 1, must be > 1.1), so it was not published" in called.err
    assert "good enough" in called.out
    assert published(registry) == []
    page = (tmp_path / "report" / "summary.md").read_text()
    assert "It fails its gates, so it was not published." in page
    assert "| good enough | accuracy | > 1.1 | 1 | **failed** |" in page
    result = train("train", *options, "--json").json()
    assert (result["published"], result["promoted"]) == (False, None)
    assert [(gate["name"], gate["passed"]) for gate in result["gates"]] == [("good enough", False)]


def test_gates_are_checked_without_a_registry(train: Any) -> None:
    assert train("train", "--require-gates").code == 0
    called = train(
        "train", *TOO_HIGH, "--require-gates", "--publish", "--promote", "staging", "--registry", "127.0.0.1:9"
    )
    assert called.code == ExitCode.UNAVAILABLE
    assert train("train", *TOO_HIGH, "--require-gates").code == ExitCode.GATES_FAILED


def test_a_call_that_breaks_off_leaves_no_page_of_an_earlier_one(train: Any, tmp_path: Path) -> None:
    report = tmp_path / "report"
    assert train("train", "--report", report).code == 0
    assert "It was not published." in (report / "summary.md").read_text()
    (tmp_path / "tones" / "loud" / "broken.wav").write_text("no")
    assert train("train", "--report", report).code == ExitCode.BAD_INPUT
    assert not (report / "summary.md").exists()


def test_a_refused_publication_leaves_the_gates(
    train: Any, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotFound("gone")

    monkeypatch.setattr(RegistryClient, "publish", refuse)
    called = train("train", "--publish", "--registry", registry, "--report", tmp_path / "report")
    assert called.code == ExitCode.NOT_FOUND
    page = (tmp_path / "report" / "summary.md").read_text()
    assert "It was not published." in page
    assert "| good enough |" in page


@pytest.mark.parametrize("option", [("--require-gates",), ("--report", "report"), ("--publish",)])
def test_half_a_training_has_no_gates(train: Any, option: tuple[str, ...], tmp_path: Path) -> None:
    called = train("train", "--until", "evaluate", *option)
    assert called.code == ExitCode.BAD_INPUT
    assert f"{option[0]} needs every step; leave --until out" in called.err
    assert not (tmp_path / "runs").exists()


def test_a_bundle_made_before_gets_a_number_that_is_free_in_the_registry(
    train: Any, registry: str, make_bundle: Any
) -> None:
    first = train("train", "--json").json()
    assert str(open_bundle(Path(first["bundle"])).manifest.version) == "1.0.0"
    with RegistryClient(registry) as client:
        client.publish(make_bundle("1.0.0").path)
        client.publish(make_bundle("1.4.0").path)
    again = ("train", "--publish", "--registry", registry, "--json")
    result = train(*again).json()
    assert [step["step"] for step in result["steps"] if step["ran"]] == ["publish"]
    assert published(registry) == ["1.5.0", "1.4.0", "1.0.0"]
    # The same bundle once more is no new version.
    assert [step["step"] for step in train(*again).json()["steps"] if step["ran"]] == []
    assert published(registry) == ["1.5.0", "1.4.0", "1.0.0"]


def test_data_have_to_be_those_of_the_manifest(train: Any, tmp_path: Path) -> None:
    manifest = tmp_path / "configs" / "loudness-plain.data.json"
    check = ("train", "--until", "prepare", "--data-manifest", "check")
    called = train(*check)
    assert called.code == 0
    assert f"there is no {manifest}, so any data will do" in called.err
    assert "commit it with the recipe" in train("train", "--until", "prepare", "--data-manifest", "write").err
    content = json.loads(manifest.read_text())
    assert {name: folder["files"] for name, folder in content["folders"].items()} == {"loud": 6, "quiet": 6}
    assert f"the data are those of {manifest}" in train(*check).err
    (tmp_path / "tones" / "loud" / "3.wav").unlink()
    called = train(*check)
    assert called.code == ExitCode.BAD_INPUT
    assert "loud: 6 files in the manifest, and 5 here" in called.err
    assert "quiet" not in called.err
    assert train("train", "--until", "prepare").code == 0
    assert train("train", "--until", "prepare", "--data-manifest", "write").code == 0
    assert train(*check).code == 0


def test_the_manifest_names_what_the_bundle_was_trained_on(train: Any, tmp_path: Path) -> None:
    bundle = train("train", "--data-manifest", "write", "--json").json()["bundle"]
    content = json.loads((tmp_path / "configs" / "loudness-plain.data.json").read_text())
    lineage = open_bundle(Path(bundle)).manifest.lineage
    assert lineage is not None
    assert content["digest"] == lineage.dataset_digest
