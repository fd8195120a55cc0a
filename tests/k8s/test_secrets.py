"""The way from generated files to the Secrets that pods mount."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from manifests.documents import Document, parse
from manifests.outside import GENERATED, ROOT, SERVERS
from manifests.rendering import render
from pipit.rpc.auth import read_tokens
from pipit.rpc.callers import Role


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Document]:
    folder = tmp_path / "secrets"
    shutil.copytree(ROOT / "k8s/secrets", folder, ignore=shutil.ignore_patterns("files"))
    subprocess.run([ROOT / "compose/secrets.sh", folder / "files"], check=True, capture_output=True)
    return {each["metadata"]["name"]: each for each in parse(render(folder))}


def value(secret: Document, key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()


def test_every_secret_that_manifests_name_is_made(secrets: dict[str, Document]) -> None:
    made = {name: set(secret["data"]) for name, secret in secrets.items()}
    assert made == GENERATED
    assert {f"{server}-tls" for server in SERVERS} <= set(made)
    assert all(each["metadata"]["namespace"] == "pipit" for each in secrets.values())


@pytest.mark.parametrize(
    ("secret", "key", "roles"),
    [
        ("device-token", "pipit_token", {Role.DEVICE}),
        ("caller-token", "pipit_token", {Role.READER}),
        ("console-token", "pipit_token", {Role.LABELLER}),
        ("trainer-token", "pipit_token", {Role.PUBLISHER, Role.OPERATOR}),
    ],
)
def test_the_registry_knows_the_tokens(
    secret: str, key: str, roles: set[Role], secrets: dict[str, Document], tmp_path: Path
) -> None:
    (tmp_path / "tokens.yaml").write_text(value(secrets["tokens"], "tokens.yaml"))
    token = value(secrets[secret], key).strip()
    caller = read_tokens(tmp_path / "tokens.yaml").caller([("authorization", f"Bearer {token}")])
    assert caller.roles == roles


@pytest.mark.parametrize("who", ["operator", "enroller"])
def test_a_persons_token_stays_outside(who: str, secrets: dict[str, Document], tmp_path: Path) -> None:
    token = (tmp_path / f"secrets/files/{who}_token").read_text().strip()
    assert len(token) >= 32
    everything = [value(secret, key) for secret in secrets.values() for key in secret["data"]]
    assert not [text for text in everything if token in text]


def test_the_key_of_the_authority_stays_outside(secrets: dict[str, Document], tmp_path: Path) -> None:
    key = (tmp_path / "secrets/files/ca.key").read_text().strip()
    assert key.startswith("-----BEGIN")
    assert not [text for secret in secrets.values() for name in secret["data"] if key in (text := value(secret, name))]


def test_git_ignores_the_files() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", "k8s/secrets/files/operator_token"], cwd=ROOT, capture_output=True, check=False
    )
    assert ignored.returncode == 0
