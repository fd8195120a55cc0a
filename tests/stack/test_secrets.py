"""`compose/secrets.sh` in a folder of its own; no Docker needed."""

from __future__ import annotations

import base64
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from pipit.bundle.signing import load_private_key, sign, verify
from pipit.errors import Unauthenticated
from pipit.rpc.auth import read_tokens
from pipit.rpc.callers import Caller, Role

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "compose" / "secrets.sh"
FILES = {
    *("minio_user", "minio_password", "grafana_password", "tokens.yaml"),
    *("caller_token", "device_token", "trainer_token", "operator_token", "enroller_token"),
    "console_token",
    *("gallery_key", "signing_key"),
}
"""Besides certificates, which test_certificates.py looks at."""
ROLES = {
    "caller": {Role.READER},
    "device": {Role.DEVICE},
    "trainer": {Role.PUBLISHER, Role.OPERATOR},
    "operator": {Role.PUBLISHER, Role.OPERATOR, Role.LABELLER},
    "console": {Role.LABELLER},
    "enroller": {Role.ENROLLER},
}


def make(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        ["sh", str(SCRIPT), str(folder)], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    assert done.stderr == ""
    return done.stdout


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name in FILES}


def caller(folder: Path, token: str) -> Caller:
    return read_tokens(folder / "tokens.yaml").caller([("authorization", f"Bearer {token.strip()}")])


def test_makes_every_secret_and_says_so(tmp_path: Path) -> None:
    said = make(tmp_path / "secrets")
    made = contents(tmp_path / "secrets")
    assert set(made) == FILES
    assert set(re.findall(r"secrets: made \S+/(\S+)", said)) == FILES
    for name, text in made.items():
        assert name == "tokens.yaml" or text.strip() not in said
    assert 3 <= len(made["minio_user"].strip()) <= 20  # MinIO's limits
    assert 8 <= len(made["minio_password"].strip()) <= 40
    assert len(base64.b64decode(made["gallery_key"].strip(), validate=True)) == 32  # of AES-256


def test_two_stacks_share_no_secret(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(tmp_path / name)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert not {one[name] for name in FILES} & {two[name] for name in FILES}


def test_the_folder_is_closed_and_containers_can_read_what_is_mounted(tmp_path: Path) -> None:
    make(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    mounted = [path for path in (tmp_path / "secrets").rglob("*") if path.is_file() and path.name != "ca.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in mounted} == {0o644}
    assert stat.S_IMODE((tmp_path / "secrets/ca.key").stat().st_mode) == 0o600


def test_the_signing_key_signs(tmp_path: Path) -> None:
    make(tmp_path)
    key = load_private_key(tmp_path / "signing_key")
    assert verify(sign(key, b"manifest"), b"manifest", [key.public_key()])


def test_the_registry_knows_each_token_by_its_roles(tmp_path: Path) -> None:
    make(tmp_path)
    for name, roles in ROLES.items():
        token = (tmp_path / f"{name}_token").read_text()
        assert caller(tmp_path, token) == Caller(name, frozenset(roles))
        assert token.strip() not in (tmp_path / "tokens.yaml").read_text()


def test_changes_nothing_that_is_there(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "minio_password").write_text("chosen by a person\n")
    with (tmp_path / "tokens.yaml").open("a") as file:
        file.write(f"- name: pi-kitchen\n  roles: [device]\n  sha256: {'0' * 64}\n")
    before = contents(tmp_path)
    assert make(tmp_path) == ""
    assert contents(tmp_path) == before


def test_a_token_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    make(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "device_token").unlink()
    assert re.fullmatch(r"secrets: made \S+/device_token\n", make(tmp_path))
    after = contents(tmp_path)
    assert after["device_token"] != before["device_token"]
    assert caller(tmp_path, after["device_token"]).name == "device"
    assert {name: after[name] for name in FILES - {"device_token", "tokens.yaml"}} == {
        name: before[name] for name in FILES - {"device_token", "tokens.yaml"}
    }


def test_a_list_of_callers_that_was_removed_is_made_from_the_tokens(tmp_path: Path) -> None:
    make(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "tokens.yaml").unlink()
    make(tmp_path)
    assert contents(tmp_path) == before
    with pytest.raises(Unauthenticated):
        caller(tmp_path, "another")


def test_needs_no_sha256sum_where_there_is_shasum(tmp_path: Path) -> None:
    if shutil.which("shasum") is None:
        pytest.skip("needs shasum, as macOS has it")
    tools = tmp_path / "tools"
    tools.mkdir()
    needed = "sh base64 basename cat chmod cmp cp cut dirname grep head ln mkdir mv od openssl printenv rm sed tail tr"
    for name in (*needed.split(), "uname", "shasum", "perl"):
        (tools / name).symlink_to(str(shutil.which(name)))
    make(tmp_path / "secrets", PATH=str(tools))
    token = (tmp_path / "secrets" / "trainer_token").read_text()
    assert caller(tmp_path / "secrets", token).name == "trainer"


def test_git_leaves_secrets_and_settings_out() -> None:
    for name in ("secrets/minio_password", ".env"):
        done = subprocess.run(["git", "check-ignore", "-q", f"compose/{name}"], cwd=REPOSITORY, check=False)
        assert done.returncode == 0, name
