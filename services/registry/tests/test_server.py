"""The service as a whole: who may do what, health, reflection, metrics, TLS, settings, a graceful stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from model_registry.cli import app
from model_registry.server import RegistryServer
from model_registry.servicer import METHOD_ROLES
from model_registry.settings import RegistrySettings
from pipit._pb.pipit.registry.v1 import registry_pb2
from pipit.bundle import Bundle
from pipit.errors import InvalidInput, NotFound, PermissionDenied, PipitError, Unauthenticated, Unavailable
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token, read_tokens
from pipit.settings import load_settings
from pipit.storage import LocalStore
from typer.testing import CliRunner

TASK = "test.sounds"
SERVICE = "pipit.registry.v1.RegistryService"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.json"
    callers = {"anna": ["publisher"], "ben": ["operator"], "pi-1": ["device"], "eve": ["reader"]}
    entries = [
        {"name": name, "roles": roles, "sha256": hash_token(f"token of {name}")} for name, roles in callers.items()
    ]
    path.write_text(json.dumps({"callers": entries}))
    return path


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except PipitError as error:
        return error.status
    return "OK"


def test_each_role_may_do_its_part(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    tokens: Path,
) -> None:
    server = start(tokens=tokens)
    bundle = make_bundle()
    connect(server, "token of anna").publish(bundle.path)
    connect(server, "token of ben").promote(TASK, "1.0.0", "production")

    def all_calls(token: str | None) -> dict[str, str]:
        client = connect(server, token)
        return {
            "prepare": outcome(lambda: client.prepare_publish(bundle.manifest_bytes)),
            "publish": outcome(lambda: client.publish(bundle.path)),
            "get": outcome(lambda: client.get_version(TASK, "1.0.0")),
            "list": outcome(client.list_versions),
            "promote": outcome(lambda: client.promote(TASK, "1.0.0", "production")),
            "rollback": outcome(lambda: client.rollback(TASK, "production")),
            "resolve": outcome(lambda: client.resolve(TASK, "production")),
            "watch": outcome(lambda: next(iter(client.watch((TASK,), "production")))),
            "download": outcome(lambda: list(client.download(bundle.digest))),
            "history": outcome(lambda: client.history(TASK, "production")),
        }

    reading = dict.fromkeys(("get", "list", "resolve", "watch", "download", "history"), "OK")
    no_publish = dict.fromkeys(("prepare", "publish"), "PERMISSION_DENIED")
    no_move = dict.fromkeys(("promote", "rollback"), "PERMISSION_DENIED")
    assert all_calls("token of eve") == reading | no_publish | no_move
    assert all_calls("token of pi-1") == reading | no_publish | no_move
    assert all_calls("token of anna") == reading | {"prepare": "OK", "publish": "OK"} | no_move
    # NOT_FOUND: there is nothing to go back to.
    assert all_calls("token of ben") == reading | no_publish | {"promote": "OK", "rollback": "NOT_FOUND"}
    for token in (None, "token of nobody"):
        assert set(all_calls(token).values()) == {"UNAUTHENTICATED"}


def test_who_did_it_is_written_down(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    tokens: Path,
) -> None:
    server = start(tokens=tokens)
    published = connect(server, "token of anna").publish(make_bundle().path)
    ben = connect(server, "token of ben")
    ben.promote(TASK, "1.0.0", "production", "reads well")

    assert published.version.published_by == "anna"
    assert [(move.actor, move.reason) for move in ben.history(TASK, "production")] == [("ben", "reads well")]


def test_every_method_of_the_proto_has_its_roles() -> None:
    methods = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"].methods
    assert set(METHOD_ROLES) == {f"/{SERVICE}/{method.name}" for method in methods}
    assert all(METHOD_ROLES.values())


def test_a_denied_call_says_which_role_it_needs(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], tokens: Path
) -> None:
    server = start(tokens=tokens)
    with pytest.raises(PermissionDenied, match="pi-1 may not call Promote: it needs the role operator"):
        connect(server, "token of pi-1").promote(TASK, "1.0.0", "production")
    with pytest.raises(Unauthenticated, match="asks for a token"):
        connect(server).list_versions()


def health_of(server: RegistryServer, service: str = "") -> int:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return int(health_pb2_grpc.HealthStub(channel).Check(request, timeout=60).status)


def test_health_follows_the_store(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    eventually: Callable[[Callable[[], bool]], None],
    tmp_path: Path,
    tokens: Path,
) -> None:
    server = start(tokens=tokens)
    client = connect(server, "token of eve")
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert health_of(server) == health_of(server, SERVICE) == serving

    (tmp_path / "store").rename(tmp_path / "unmounted")
    eventually(lambda: health_of(server) == not_serving)
    assert health_of(server, "liveness") == serving
    assert server.metrics.registry.get_sample_value("pipit_registry_store_up") == 0
    with pytest.raises(Unavailable, match="mounted"):
        client.list_versions()

    (tmp_path / "unmounted").rename(tmp_path / "store")
    eventually(lambda: health_of(server) == serving)
    assert client.list_versions().versions == ()


def test_reflection_lists_the_service(registry: RegistryServer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{registry.port}") as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert SERVICE in services


def test_metrics_count_calls_publishes_and_moves(
    registry: RegistryServer, client: RegistryClient, make_bundle: Callable[..., Bundle]
) -> None:
    client.publish(make_bundle().path)
    client.promote(TASK, "1.0.0", "production")

    with urllib.request.urlopen(f"http://127.0.0.1:{registry.metrics_port}/metrics", timeout=60) as response:
        text = response.read().decode()

    assert f'pipit_registry_published_total{{task="{TASK}"}} 1.0' in text
    assert f'pipit_registry_moves_total{{action="promote",environment="production",task="{TASK}"}} 1.0' in text
    assert (
        f'grpc_server_handled_total{{grpc_code="OK",grpc_method="Publish",grpc_service="{SERVICE}",'
        'grpc_type="client_stream"} 1.0'
    ) in text
    assert "pipit_registry_store_up 1.0" in text


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_calls_can_be_encrypted(start: Callable[..., RegistryServer], certificate: tuple[Path, Path]) -> None:
    server = start(tls_certificate=certificate[0], tls_key=certificate[1])

    with RegistryClient(f"127.0.0.1:{server.port}", ca=certificate[0]) as client:
        assert client.list_versions().versions == ()
    with RegistryClient(f"127.0.0.1:{server.port}") as client, pytest.raises(Unavailable):
        client.list_versions()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"host": "0.0.0.0"},
            "set PIPIT_REGISTRY_TOKENS, or .*; and PIPIT_REGISTRY_TLS_CERTIFICATE and PIPIT_REGISTRY_TLS_KEY, or",
        ),
        ({"tls_key": "key.pem"}, "set both of tls_certificate and tls_key"),
        ({"port": 70000}, "PIPIT_REGISTRY_PORT"),
        ({"part_mib": 0}, "PIPIT_REGISTRY_PART_MIB"),
    ],
)
def test_wrong_settings_are_named(given: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        load_settings(RegistrySettings, **given)


def test_settings_that_name_what_is_not_there(start: Callable[..., RegistryServer], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read"):
        start(tokens=tmp_path / "nothing")
    with pytest.raises(NotFound, match="no key at"):
        start(trusted_keys=str(tmp_path / "nothing.pem"))
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="can't be used"):
        start(store=tmp_path / "file")
    with pytest.raises(InvalidInput, match="can't be read"):
        start(tls_certificate=tmp_path / "nothing", tls_key=tmp_path / "nothing")


@pytest.mark.parametrize("which", ["port", "metrics_port"])
def test_where_a_port_is_taken_it_refuses_to_start_and_leaves_nothing_behind(
    registry: RegistryServer, tmp_path: Path, which: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other: int = free.getsockname()[1]
    ports = {"port": other, "metrics_port": other} | {which: getattr(registry, which)}
    server = RegistryServer(RegistrySettings(store=tmp_path / "store", **ports))
    threads = set(threading.enumerate())
    with pytest.raises(Unavailable, match=f"can't listen on 127.0.0.1:{ports[which]}"):
        server.start()
    # Timers are of tests before, which forget pictures for example.
    left = set(threading.enumerate()) - threads
    assert [thread for thread in left if not isinstance(thread, threading.Timer)] == []
    socket.create_server(("127.0.0.1", other)).close()


def environment_of(**settings: object) -> dict[str, str]:
    return {**os.environ, **{f"PIPIT_REGISTRY_{name}".upper(): str(value) for name, value in settings.items()}}


def test_the_process_serves_until_a_signal(
    tmp_path: Path, make_bundle: Callable[..., Bundle], popen: Callable[..., Any]
) -> None:
    environment = environment_of(store=tmp_path / "store", port=0, metrics_port=0, log_format="json")
    process = popen([sys.executable, "-m", "model_registry"], env=environment, stderr=subprocess.PIPE, text=True)
    started = next(event for line in process.stderr if (event := json.loads(line))["event"] == "started")
    with RegistryClient(f"127.0.0.1:{started['port']}", timeout=60) as client:
        client.publish(make_bundle().path)
        stream = client.watch((TASK,), "production")
        assert next(iter(stream)).revision == 0
        process.send_signal(signal.SIGTERM)
        events = [json.loads(line)["event"] for line in process.stderr]
    assert process.wait() == 0
    assert events[-1] == "stopped"
    assert list(LocalStore(tmp_path / "store").list("models/")) == [f"models/{TASK}/versions/1.0.0.json"]


@pytest.mark.parametrize("fault", ["host", "metrics_port"])
def test_the_process_says_what_keeps_it_from_starting(tmp_path: Path, registry: RegistryServer, fault: str) -> None:
    given, text = {
        "host": ("0.0.0.0", "error: settings are wrong; set these variables:\n  PIPIT_REGISTRY_…: other machines"),
        "metrics_port": (registry.metrics_port, f"can't listen on 127.0.0.1:{registry.metrics_port} for metrics"),
    }[fault]
    done = subprocess.run(
        [sys.executable, "-m", "model_registry"],
        env=environment_of(**{"store": tmp_path / "store", "port": 0, "metrics_port": 0, fault: given}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_tokens_are_made_that_the_registry_takes(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text("callers:\n")
    secrets = {}
    for name, roles, tasks in (("anna", ["publisher", "operator"], []), ("pi-1", ["device"], [TASK])):
        options = [*(f"--role={role}" for role in roles), *(f"--task={task}" for task in tasks)]
        result = CliRunner().invoke(app, ["token", name, *options])
        assert result.exit_code == 0
        secrets[name] = result.stderr.strip().rpartition(" ")[2]
        assert secrets[name] not in result.stdout
        with path.open("a") as file:
            file.write(result.stdout)

    tokens = read_tokens(path)

    callers = {name: tokens.caller([("authorization", f"Bearer {secret}")]) for name, secret in secrets.items()}
    assert {name: (caller.name, sorted(caller.roles), caller.tasks) for name, caller in callers.items()} == {
        "anna": ("anna", ["operator", "publisher"], None),
        "pi-1": ("pi-1", ["device"], {TASK}),
    }


def test_the_command_takes_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[RegistrySettings] = []
    monkeypatch.setattr("model_registry.cli.serve_until_signal", lambda settings, _: seen.append(settings))
    # It would write to the runner's own standard error for the rest of this process.
    monkeypatch.setattr("model_registry.cli.configure_logging", lambda *_: None)
    monkeypatch.setenv("PIPIT_REGISTRY_HOST", "localhost")

    result = CliRunner().invoke(app, ["serve", "--store", str(tmp_path / "kept"), "--port", "0"])

    assert result.exit_code == 0
    assert (seen[0].store, seen[0].port, seen[0].host) == (tmp_path / "kept", 0, "localhost")
