"""Certificates that the script makes, in a registry that a probe asks as it would in its pod."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from manifests.documents import named, pods_of
from manifests.outside import ROOT, SECRETS, SERVERS
from manifests.rendering import Cluster
from manifests.settings import environment
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings

SCRIPT = ROOT / "k8s/components/tls/make-certificates.sh"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; it makes the certificates")
    subprocess.run([SCRIPT, tmp_path / "certificates"], check=True)
    return tmp_path / "certificates"


def test_files_are_the_keys_of_the_secrets(certificates: Path) -> None:
    made = {path.name: {file.name for file in path.iterdir()} for path in certificates.iterdir() if path.is_dir()}
    assert made == {f"{server}-tls": SECRETS[f"{server}-tls"] for server in SERVERS}


def test_private_keys_are_for_their_owner(certificates: Path) -> None:
    keys = list(certificates.rglob("*.key"))
    assert len(keys) == len(SERVERS) + 1
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_a_second_run_keeps_the_authority(certificates: Path) -> None:
    before = (certificates / "authority.crt").read_bytes(), (certificates / "registry-tls/tls.crt").read_bytes()
    subprocess.run([SCRIPT, certificates], check=True)
    assert (certificates / "authority.crt").read_bytes() == before[0]
    assert (certificates / "registry-tls/tls.crt").read_bytes() != before[1]


@pytest.mark.parametrize("kind", ["livenessProbe", "readinessProbe"])
@pytest.mark.parametrize("authority", ["its own", "another"])
def test_the_pods_probe_asks_by_tls(
    kind: str, authority: str, certificates: Path, fullest: Cluster, tmp_path: Path
) -> None:
    documents = fullest.documents()
    (container,) = next(pod for pod in pods_of(documents) if pod.title == "Deployment registry").containers
    command = container[kind]["exec"]["command"]
    (file,) = [value for name, value in environment(documents, container).items() if name == "PIPIT_CA"]
    folder = certificates / "registry-tls"
    settings = RegistrySettings(
        store=tmp_path / "store",
        port=0,
        metrics_port=0,
        tls_certificate=folder / "tls.crt",
        tls_key=folder / "tls.key",
    )
    server = RegistryServer(settings)
    server.start()
    try:
        if authority == "another":
            (certificates / "authority.key").unlink()
            subprocess.run([SCRIPT, certificates], check=True)
        here = {"python": sys.executable, "127.0.0.1:50050": f"127.0.0.1:{server.port}"}
        result = subprocess.run(
            [here.get(word, word) for word in command],
            env={**os.environ, "PIPIT_CA": file.replace("/etc/pipit/tls", str(folder))},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.stop()
    assert (result.returncode == 0) == (authority == "its own"), result.stdout
    assert ("SERVING" in result.stdout) == (authority == "its own")


def test_cert_manager_makes_the_same_secrets(fullest: Cluster) -> None:
    documents = fullest.documents()
    for server in SERVERS:
        certificate = named(documents, "Certificate", server)
        assert certificate is not None
        assert certificate["spec"]["secretName"] in SECRETS
        assert certificate["spec"]["ipAddresses"] == ["127.0.0.1"]
        assert {server, f"{server}.pipit.svc"} <= set(certificate["spec"]["dnsNames"])
        assert named(documents, "Issuer", certificate["spec"]["issuerRef"]["name"]) is not None
