"""Certificates that `make k3s` makes, in a registry that a probe asks as it would in its pod; and cert-manager's."""

from __future__ import annotations

import os
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


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    subprocess.run([ROOT / "compose/secrets.sh", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("kind", ["livenessProbe", "readinessProbe"])
@pytest.mark.parametrize("authority", ["its own", "another"])
def test_the_pods_probe_asks_by_tls(
    kind: str, authority: str, files: Path, clusters: list[Cluster], tmp_path: Path
) -> None:
    documents = clusters[0].parsed
    registry = next(pod for pod in pods_of(documents) if pod.title == "Deployment registry")
    (container,) = registry.containers
    folder = files / "tls/registry"
    # Both as the pod has them, but for the place of the files.
    variables = {
        name: value.replace("/etc/pipit/tls", str(folder)) for name, value in environment(documents, container).items()
    }
    server = RegistryServer(
        RegistrySettings(
            store=tmp_path / "store",
            port=0,
            metrics_port=0,
            tls_certificate=Path(variables["PIPIT_REGISTRY_TLS_CERTIFICATE"]),
            tls_key=Path(variables["PIPIT_REGISTRY_TLS_KEY"]),
        )
    )
    server.start()
    try:
        if authority == "another":
            # In a folder of its own: a server takes up what is new in its own.
            subprocess.run([ROOT / "compose/secrets.sh", tmp_path / "other"], check=True, capture_output=True)
            variables["PIPIT_CA"] = str(tmp_path / "other/ca.pem")
        here = {"python": sys.executable, "127.0.0.1:50050": f"127.0.0.1:{server.port}"}
        command = [here.get(word, word) for word in container[kind]["exec"]["command"]]
        mine = {name: variables[name] for name in ("PIPIT_CA", "PIPIT_CERTIFICATE", "PIPIT_KEY")}
        result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **mine})
    finally:
        server.stop()
    assert (result.returncode == 0) == (authority == "its own"), result.stdout
    assert ("SERVING" in result.stdout) == (authority == "its own")


@pytest.mark.parametrize("server", SERVERS)
def test_a_certificate_holds_for_every_name_of_its_services(server: str, files: Path, clusters: list[Cluster]) -> None:
    name = server.removesuffix("-inference")
    pods = f"{server}-pods" if server in ("registry", "console") else "inference-pods"
    assert named(clusters[0].parsed, "Service", pods) is not None
    for host in (
        server,
        f"{server}.pipit",
        f"{server}.pipit.svc.cluster.local",
        f"{server}-0.{pods}.pipit",
        "127.0.0.1",
    ):
        option = "-verify_ip" if host == "127.0.0.1" else "-verify_hostname"
        command = ["openssl", "verify", "-CAfile", files / "ca.pem", option, host, files / "tls" / name / "tls.crt"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0, host


def test_cert_manager_makes_the_secrets_that_pods_then_take(fullest: Cluster) -> None:
    documents = fullest.documents()
    for holder in (*SERVERS, "caller"):
        certificate = named(documents, "Certificate", holder)
        assert certificate is not None
        assert certificate["spec"]["secretName"] in SECRETS
        assert {"digital signature", "client auth"} <= set(certificate["spec"]["usages"])
        assert named(documents, "Issuer", certificate["spec"]["issuerRef"]["name"]) is not None
        if holder in SERVERS:
            assert certificate["spec"]["ipAddresses"] == ["127.0.0.1"]
            assert {holder, f"{holder}.pipit.svc"} <= set(certificate["spec"]["dnsNames"])
    for pod in pods_of(documents):
        for volume in pod.spec.get("volumes", ()):
            if volume["name"] == "tls":
                holder = "caller" if pod.owner["kind"] == "CronJob" else pod.owner["metadata"]["name"]
                assert volume["secret"]["secretName"] == f"{holder}-certificate"


def test_whoever_may_call_shows_a_certificate_where_that_is_asked_for(fullest: Cluster) -> None:
    documents = fullest.parsed
    for pod in pods_of(documents):
        if pod.component in ("inference", "registry"):
            variables = environment(documents, pod.containers[0])
            prefix = "PIPIT_SERVING" if pod.component == "inference" else "PIPIT_REGISTRY"
            assert variables[f"{prefix}_TLS_CLIENT_CA"] == variables["PIPIT_CA"] == "/etc/pipit/tls/ca.crt"
        if pod.component in ("inference", "registry", "console", "trainer"):
            variables = environment(documents, pod.containers[0])
            assert variables["PIPIT_CERTIFICATE"] == "/etc/pipit/tls/tls.crt"
            assert variables["PIPIT_KEY"] == "/etc/pipit/tls/tls.key"
