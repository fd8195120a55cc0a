from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pipit.deployment import differences, rendered, write
from pipit.deployment.__main__ import main
from pipit.deployment.kubernetes import SECRETS
from pipit.deployment.write import FOLDERS

Add = Callable[..., Path]


def test_what_is_written_is_up_to_date_until_a_fact_changes(add: Add, tmp_path: Path) -> None:
    folder = add()
    assert write(tmp_path) == sorted(rendered(tmp_path))
    assert differences(tmp_path) == write(tmp_path) == []
    facts = folder / "domain.toml"
    facts.write_text(facts.read_text().replace("384", "640"))
    changed = ["compose/domains/device.yaml", "compose/domains/servers.yaml", "compose/domains/variables.env"]
    changed.append("k8s/domains/servers/toys/kustomization.yaml")
    assert differences(tmp_path) == changed
    assert write(tmp_path) == changed
    server = yaml.safe_load((tmp_path / "compose/domains/servers.yaml").read_text())["services"]["toys"]
    assert server["mem_limit"] == "${PIPIT_TOYS_MEMORY:-640m}"


def test_the_gallerys_key_is_for_servers_that_name_people_alone(add: Add, tmp_path: Path) -> None:
    add("games", 50061)
    folder = add("toys", 50060)
    facts = folder / "domain.toml"
    facts.write_text(facts.read_text().replace("memory_mib = 384", "memory_mib = 384\ngallery = true"))
    write(tmp_path)
    for path in sorted(tmp_path.glob("compose/domains/*")) + sorted(tmp_path.glob("k8s/domains/**/*.yaml")):
        with_key = path.name in ("servers.yaml", "device.yaml") or path.parent.name == "toys"
        assert ("gallery" in path.read_text()) == with_key, path
    services = yaml.safe_load((tmp_path / "compose/domains/servers.yaml").read_text())["services"]
    assert services["toys"]["secrets"] == ["gallery_key"]
    assert services["toys"]["environment"]["PIPIT_SERVING_GALLERY_KEY"] == "/run/secrets/gallery_key"
    assert "secrets" not in services["games"]
    manifest = yaml.safe_load((tmp_path / "k8s/domains/servers/toys/kustomization.yaml").read_text())
    assert "PIPIT_SERVING_GALLERY_KEY=/run/secrets/gallery_key" in manifest["configMapGenerator"][0]["literals"]
    (volume,) = [
        each["value"] for each in yaml.safe_load(manifest["patches"][0]["patch"]) if "/volumes/0/" in each["path"]
    ]
    assert volume == {"secret": {"name": "gallery-key"}}


def test_only_the_folders_that_hold_nothing_else_are_written_to(add: Add, tmp_path: Path) -> None:
    add()
    folders = tuple(f"{folder}/" for folder in FOLDERS)
    assert [path for path in rendered(tmp_path) if not path.startswith(folders)] == [SECRETS]


def test_the_secrets_that_lie_beside_a_written_file_stay(add: Add, tmp_path: Path) -> None:
    add()
    key = tmp_path / "k8s/secrets/files/ca.key"
    key.parent.mkdir(parents=True)
    key.write_text("a key")
    write(tmp_path)
    assert "toys-inference-tls" in (tmp_path / SECRETS).read_text()
    assert (key.read_text(), differences(tmp_path)) == ("a key", [])
    (tmp_path / SECRETS).unlink()
    assert differences(tmp_path) == [SECRETS]


def test_a_domain_that_is_gone_leaves_nothing(add: Add, tmp_path: Path) -> None:
    add("games", 50061)
    write(tmp_path)
    before = {path.relative_to(tmp_path) for folder in FOLDERS for path in (tmp_path / folder).rglob("*")}
    folder = add("toys", 50060)
    write(tmp_path)
    assert (tmp_path / "k8s/domains/servers/toys/blocks").is_dir()
    for path in folder.iterdir():
        path.unlink()
    assert "k8s/domains/servers/toys/kustomization.yaml" in write(tmp_path)
    assert {path.relative_to(tmp_path) for folder in FOLDERS for path in (tmp_path / folder).rglob("*")} == before


def test_no_gap_is_left_open(add: Add, tmp_path: Path) -> None:
    add(tasks=("big_blocks", "cars"))
    for path, text in rendered(tmp_path).items():
        assert "@" not in text, path
        if path.endswith((".yaml", ".yml")) and path != "compose/domains/device.yaml":
            assert yaml.safe_load(text), path


def test_the_command_says_what_it_did_and_what_is_wrong(
    add: Add, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = add()
    assert main([str(tmp_path), "--check"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == sorted(rendered(tmp_path))
    assert "run `make domains`" in said.err
    assert not (tmp_path / "compose").exists()
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    (tmp_path / "compose/domains/other").touch()
    assert main([str(tmp_path), "--check"]) == 1
    (folder / "domain.toml").write_text("")
    capsys.readouterr()
    assert main([str(tmp_path)]) == 1
    assert "domain.toml: title is missing" in capsys.readouterr().err
