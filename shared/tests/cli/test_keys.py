from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from pipit.bundle.signing import key_id, load_private_key, load_public_key, sign, verify
from pipit.cli.exit_codes import ExitCode
from pipit.faces.sealing import GalleryKey


def test_makes_a_pair_that_signs_and_verifies(pipit: Any, tmp_path: Path) -> None:
    called = pipit("keys", "generate", tmp_path / "keys" / "signing.pem", "--json")
    made = called.json()
    private, public = load_private_key(Path(made["private_key"])), load_public_key(Path(made["public_key"]))
    assert verify(sign(private, b"manifest"), b"manifest", [public]) == made["id"] == key_id(public)
    assert stat.S_IMODE(Path(made["private_key"]).stat().st_mode) == 0o600


def test_never_writes_over_a_key(pipit: Any, tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    assert pipit("keys", "generate", path).code == 0
    before = path.read_bytes()
    called = pipit("keys", "generate", path)
    assert called.code == ExitCode.CONFLICT
    assert "never written over" in called.err
    assert path.read_bytes() == before


def test_shows_the_same_id_for_both_halves(pipit: Any, tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    identity = pipit("keys", "generate", path, "--json").json()["id"]
    assert pipit("keys", "show", path).out.strip() == identity
    assert pipit("keys", "show", f"{path}.pub").out.strip() == identity


def test_what_is_no_key_is_bad_input(pipit: Any, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no key")
    assert pipit("keys", "show", tmp_path / "x.pem").code == ExitCode.BAD_INPUT
    assert pipit("keys", "show", tmp_path / "y.pem").code == ExitCode.NOT_FOUND


def test_makes_a_key_that_seals_a_gallery_and_never_writes_over_one(pipit: Any, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "home.key"
    made = pipit("keys", "gallery", path, "--json").json()

    assert GalleryKey.load(path).id == made["id"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    called = pipit("keys", "gallery", path)
    assert called.code == ExitCode.CONFLICT
    assert "never written over" in called.err
    assert GalleryKey.load(path).id == made["id"]
