"""From nothing to an answer: `make up`, `make train`, `make classify`, on a real engine.

Trains on the real clips that PIPIT_DATA names, or on synthetic ones where it is not set. Not tested here: the images
that stand-ins replace (PIPIT_TEST_STAND_INS=1), see docs/untested.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb

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
    secrets = {path.name: path.read_text() for path in stack.secrets.iterdir()}
    stack.make("up")
    assert {service: stack.inspect(service)["Id"] for service in before} == before
    assert {path.name: path.read_text() for path in stack.secrets.iterdir()} == secrets


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
    assert len(version.gates) == 5
    assert (move.actor, move.to_version, move.gates_overridden) == ("trainer", "1.0.0", False)
    model = stack.model()
    assert (model.identity.digest, model.identity.variant) == (trained, "int8")
    assert (model.state, model.environment) == (pb.Model.STATE_SERVING, "production")
    # Of faces no version was promoted, so that the server does not answer everything.
    states = [stack.says("PIPIT_HOME_SECURITY_PORT", service) for service in (TASK, "home_security.faces", "")]
    assert states == ["SERVING", "NOT_SERVING", "NOT_SERVING"]
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


def test_no_caller_without_a_token_gets_into_the_registry(stack: Any) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{stack.ports['PIPIT_REGISTRY_PORT']}") as channel:
        call = channel.unary_unary("/pipit.registry.v1.RegistryService/ListVersions")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"", timeout=20)
    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
