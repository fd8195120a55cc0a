"""From nothing to an answer: `make up`, `make train`, `make classify`, on a real engine.

Trains on the real clips that PIPIT_DATA names, or on synthetic ones where it is not set. Not tested here: the images
that stand-ins replace (PIPIT_TEST_STAND_INS=1), see docs/untested.md.
"""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import Unavailable
from pipit.rpc.certificates import Access
from pipit.rpc.client import open_channel
from pipit.rpc.probe import health_of

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]

TASK = "home_security.sounds"


@pytest.fixture(scope="module")
def unseen(stack: Any, trained: str, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Clips that training never saw, with what they are: at most three of each category."""
    script = (
        "import json, pathlib; (run,) = pathlib.Path('/runs/home_security.sounds').iterdir(); "
        "print((run / 'prepare/items.json').read_text())"
    )
    runs = f"{stack.project}_runs:/runs"
    split = json.loads(
        stack.run("docker", "run", "--rm", "-v", f"{runs}:ro", "--entrypoint=python", stack.image, "-c", script).stdout
    )
    folder = stack.data
    if folder is None:
        folder = tmp_path_factory.mktemp("synthetic")
        container = stack.run("docker", "create", "-v", f"{runs}:ro", stack.image).stdout.strip()
        stack.run("docker", "cp", f"{container}:/runs/synthetic/.", str(folder))
        stack.run("docker", "rm", container)
    found: dict[Path, str] = {}
    for entry in sorted(split, key=lambda entry: str(entry["name"])):
        # Clips of ESC-50's layout, which have a label each; no pieces of long recordings.
        for path in folder.glob(f"*/audio/{Path(entry['name']).name}"):
            if entry["side"] == "test" and list(found.values()).count(entry["label"]) < 3:
                found[path] = entry["label"]
    return found


def test_make_up_brings_everything_to_healthy(stack: Any) -> None:
    running = [json.loads(line) for line in stack.make("ps", "ARGS=--format=json").stdout.splitlines()]
    health = {container["Service"]: container["Health"] for container in running}
    assert {"minio", "registry", "home-security", "emotion", "footprints", "prometheus", "alertmanager"} <= set(health)
    assert set(health.values()) == {"healthy"}


def test_processes_are_nobody_and_their_files_read_only(stack: Any) -> None:
    for service in ("registry", "home-security", "emotion", "footprints"):
        inspected = stack.inspect(service)
        assert inspected["Config"]["User"] == "10001:10001"
        assert inspected["HostConfig"]["ReadonlyRootfs"] is True
        assert inspected["HostConfig"]["CapDrop"] == ["ALL"]
        done = stack.compose("exec", "-T", service, "sh", "-c", "touch /opt/pipit/x", check=False)
        assert done.returncode != 0
        assert "Read-only file system" in done.stderr


def test_a_second_make_up_changes_nothing(stack: Any) -> None:
    before = {service: stack.inspect(service)["Id"] for service in ("minio", "registry", "home-security")}
    secrets = {path: path.read_bytes() for path in stack.secrets.rglob("*") if path.is_file()}
    stack.make("up")
    assert {service: stack.inspect(service)["Id"] for service in before} == before
    assert {path: path.read_bytes() for path in stack.secrets.rglob("*") if path.is_file()} == secrets


def test_a_server_without_a_model_is_alive_and_says_what_is_missing(untrained: Any) -> None:
    assert untrained.model.identity.task == TASK
    assert untrained.model.state == pb.Model.STATE_NOT_SERVING
    assert "no version is promoted to 'production' yet" in untrained.model.reason
    assert (untrained.live, untrained.ready, untrained.task) == ("SERVING", "NOT_SERVING", "NOT_SERVING")
    assert untrained.container == "healthy"


def test_make_train_publishes_promotes_and_the_running_server_answers(stack: Any, trained: str) -> None:
    with stack.registry() as registry:
        (version,) = (each for each in registry.list_versions(TASK).versions if each.digest == trained)
        move, *_ = registry.history(TASK, "production")
    assert (version.version, version.published_by, version.gates_passed) == ("1.0.0", "trainer", True)
    assert version.signed_by
    assert len(version.gates) == 5
    # What comes of synthetic sounds is promoted against the rule that keeps it out (--allow-synthetic).
    assert (move.actor, move.to_version, move.gates_overridden) == ("trainer", "1.0.0", stack.data is None)
    model = stack.model()
    assert (model.identity.digest, model.identity.variant) == (trained, "int8")
    assert (model.state, model.environment) == (pb.Model.STATE_SERVING, "production")
    # Of faces no version was promoted, so that the server does not answer everything.
    port = "PIPIT_HOME_SECURITY_PORT"
    stack.wait(lambda: stack.says(port, TASK) == "SERVING", "its health says so")
    assert [stack.says(port, service) for service in ("home_security.faces", "")] == ["NOT_SERVING"] * 2
    assert stack.inspect("home-security")["RestartCount"] == 0


def test_answers_unseen_clips_mostly_rightly(stack: Any, unseen: dict[Path, str]) -> None:
    labels = set(stack.model().labels)
    right = 0
    with stack.server() as server:
        for path, category in unseen.items():
            answer = server.classify(path)
            expected = category if category in labels else "none"
            best = [prediction.scores[0].label for prediction in answer.predictions]
            right += expected in best if expected != "none" else set(best) == {"none"}
    # The best constant answer, `none`, is right for every category without a label; it fails all others.
    assert len({category for category in unseen.values() if category in labels}) >= 4
    assert right >= 0.8 * len(unseen)


def test_make_classify_gives_the_servers_answer(stack: Any, unseen: dict[Path, str]) -> None:
    path = next(path for path, category in unseen.items() if category == "siren")
    with stack.server() as server:
        expected = server.classify(path).predictions[0].scores[0]
    (result,) = json.loads(stack.make("classify", f"FILE={path}", "ARGS=--json").stdout)
    score = result["predictions"][0]["scores"][0]
    assert (score["label"], score["score"]) == (expected.label, pytest.approx(expected.score, abs=1e-6))
    assert "siren" in stack.make("classify", f"FILE={path}").stdout


def test_make_classify_without_a_file_says_what_to_do(stack: Any) -> None:
    done = stack.make("classify", check=False)
    assert done.returncode != 0
    assert "make classify FILE=" in done.stderr


def test_make_pipit_asks_the_registry_with_the_operators_token(stack: Any, trained: str) -> None:
    listing = json.loads(stack.make("pipit", f"ARGS=models {TASK} --json").stdout)
    assert [version["digest"] for version in listing["versions"]] == [trained]


CALLS = {
    "PIPIT_REGISTRY_PORT": "/pipit.registry.v1.RegistryService/ListVersions",
    "PIPIT_HOME_SECURITY_PORT": "/pipit.inference.v1.InferenceService/ListModels",
    "PIPIT_EMOTION_PORT": "/pipit.inference.v1.InferenceService/ListModels",
}
each_port = pytest.mark.parametrize("port", CALLS)


@each_port
@pytest.mark.parametrize("token", [None, "one that nobody made"])
def test_no_caller_without_a_token_gets_in(stack: Any, port: str, token: str | None) -> None:
    with open_channel(f"127.0.0.1:{stack.ports[port]}", token, stack.secrets / "ca.pem") as channel:
        call = channel.unary_unary(CALLS[port])
        with pytest.raises(grpc.RpcError) as raised:
            call(b"", timeout=60)
    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED


@each_port
def test_nobody_is_spoken_to_in_plain_text(stack: Any, port: str) -> None:
    with pytest.raises(Unavailable):
        health_of(f"127.0.0.1:{stack.ports[port]}", timeout=60.0)


@each_port
def test_who_knows_another_authority_hangs_up(stack: Any, port: str, tmp_path: Path) -> None:
    stack.run("sh", "compose/secrets.sh", str(tmp_path))
    access = Access(token=None, ca=tmp_path / "ca.pem", certificate=None, key=None)
    with pytest.raises(Unavailable, match="certificate"):
        health_of(f"127.0.0.1:{stack.ports[port]}", access=access, timeout=60.0)


def test_a_new_certificate_is_taken_up_without_a_restart(stack: Any, trained: str) -> None:
    services = {"registry": "PIPIT_REGISTRY_PORT", "home-security": "PIPIT_HOME_SECURITY_PORT"}
    started = {service: stack.inspect(service)["State"]["StartedAt"] for service in services}
    before = {service: shown(stack, port) for service, port in services.items()}
    for service in services:
        (stack.secrets / "tls" / service / "tls.crt").unlink()
    stack.run("sh", "compose/secrets.sh")
    for service, port in services.items():
        made = (stack.secrets / "tls" / service / "tls.crt").read_text().strip()
        assert made != before[service]
        stack.wait(lambda port=port, made=made: shown(stack, port) == made, f"{service} shows its new certificate")
    assert {service: stack.inspect(service)["State"]["StartedAt"] for service in services} == started
    assert stack.says("PIPIT_REGISTRY_PORT") == "SERVING"
    assert stack.serving() == trained


def shown(stack: Any, port: str) -> str:
    """The certificate that a port shows, in PEM."""
    return ssl.get_server_certificate(("127.0.0.1", stack.ports[port])).strip()


def test_what_make_up_says_is_all_that_a_caller_needs(stack: Any, trained: str, unseen: dict[Path, str]) -> None:
    said = stack.make("up").stdout.splitlines()[-1].strip()
    assert said.startswith("export PIPIT_CA=")
    path = next(path for path, category in unseen.items() if category == "siren")
    pipit = Path(sys.executable).with_name("pipit")
    server = f"127.0.0.1:{stack.ports['PIPIT_HOME_SECURITY_PORT']}"
    done = stack.run("sh", "-c", f"{said}; {pipit} classify --json --server {server} --task {TASK} {path}")
    (result,) = json.loads(done.stdout)
    assert result["model"]["digest"] == trained
