"""A domain lies in one folder. `pipit new-task` and `make domains` make one: it is built, rendered, trained and served,
and nobody has to write anything elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipit.client import Client
from pipit.deployment import differences, read_domains
from pipit.deployment.kubernetes import SECRETS
from pipit.deployment.write import FOLDERS
from pipit.skeleton import write_task

REPOSITORY = Path(__file__).parents[2]
BY_HAND = {
    "Makefile": "the task that is taken where none is named, and the demonstration, which is of sounds",
    "compose/train.sh": "an example, for who names no task",
    "k8s/tools/data-loader.yaml": "whichever trainer's image, to mount a volume",
}
"""What names a domain outside of its folder, and why."""
MADE = (*(f"{folder}/" for folder in FOLDERS), SECRETS)
"""What `make domains` writes: folders that are its own, and one file."""
TASK = "toys.big_blocks"
LOAD_PIPELINES = """
import importlib.metadata
for point in importlib.metadata.entry_points(group="pipit.pipelines"):
    print(point.name, point.load().__name__)
"""


def configuration() -> list[Path]:
    """Of everything that builds, runs and checks, and is written by hand."""
    files = [REPOSITORY / name for name in ("Makefile", "pyproject.toml", ".dockerignore", "docker-bake.hcl")]
    files += [REPOSITORY / "services/Dockerfile", *(REPOSITORY / ".ci").iterdir()]
    folders = [REPOSITORY / name for name in ("compose", "k8s")]
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    files += [REPOSITORY / name for name in tracked if name and not name.startswith(MADE)]
    return [path for path in files if path.is_file() and path.suffix != ".md"]


def without_comments(path: Path) -> str:
    return re.sub(r"(^|\s)(#|//).*", "", path.read_text("utf-8"))


def test_what_is_written_is_up_to_date() -> None:
    assert differences(REPOSITORY) == [], "run `make domains` and commit what it writes"


def test_no_other_configuration_names_a_domain() -> None:
    names = {name for domain in read_domains(REPOSITORY) for name in (domain.package, domain.name)}
    found = {
        str(path.relative_to(REPOSITORY))
        for path in configuration()
        if re.search(rf"(?<![a-z])({'|'.join(names)})(?![a-z])", without_comments(path))
    }
    assert found == set(BY_HAND)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a new domain might have to change, with one more domain, after `make domains`."""
    root = tmp_path_factory.mktemp("repository")
    for folder in ("compose", "k8s"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("secrets", "files", ".env"))
    for name in ("Makefile", "docker-bake.hcl"):
        shutil.copy(REPOSITORY / name, root)
    for name in (".dockerignore", "services/Dockerfile", "services/build.lock.txt", "shared/pyproject.toml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, root / name)
    shutil.copytree(REPOSITORY / "shared/pipit", root / "shared/pipit", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tests").symlink_to(REPOSITORY / "tests")
    # Of the services that are there, what lies beside their packages.
    for path in (each for each in REPOSITORY.glob("services/*/*") if each.is_file()):
        copied = root / path.relative_to(REPOSITORY)
        copied.parent.mkdir(exist_ok=True)
        shutil.copy(path, copied)
    written = write_task(root, TASK, "audio", "keras")
    assert written.new_domain
    assert written.locks_from == "home_security"
    done = make(root, "domains")
    assert done.returncode == 0, done.stderr
    assert all(path.startswith(MADE) for path in done.stdout.splitlines())
    return root


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=root, capture_output=True, text=True, check=False)


def test_make_knows_its_environments_and_its_locks(repository: Path) -> None:
    for kind in ("train", "serve"):
        done = make(repository, "--dry-run", f".venv/{kind}-toys/.ready")
        assert f"--requirement services/toys/{kind}.lock.txt" in done.stdout
        assert "--editable shared --editable services/toys" in done.stdout
    assert make(repository, "domains-check").returncode == 0
    assert "--editable services/toys" in make(repository, "--dry-run", ".venv/dev/.ready").stdout
    lock = make(repository, "--dry-run", "lock", "ARGS=toys").stdout
    assert "for domain in toys; do" in lock
    assert "tests/dev.lock.txt" not in lock.rpartition("for domain in")[2]


def test_prometheus_scrapes_it(repository: Path) -> None:
    (entry,) = yaml.safe_load((repository / "compose/prometheus/targets/inference.yml").read_text())
    assert "toys:9464" in entry["targets"]


def render(folder: Path) -> dict[tuple[str, str], Any]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; it renders the manifests (no cluster needed)")
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    documents = [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def test_kubernetes_runs_it_with_every_option(repository: Path) -> None:
    overlay = repository / "k8s/overlays/pi"
    plain = render(overlay)
    document = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    document["components"] += [f"../../components/{name}" for name in ("autoscaling", "mutual-tls", "cert-manager")]
    (repository / "k8s/overlays/all").mkdir()
    shutil.copytree(overlay, repository / "k8s/overlays/all", dirs_exist_ok=True)
    (repository / "k8s/overlays/all/kustomization.yaml").write_text(yaml.safe_dump(document))
    full = render(repository / "k8s/overlays/all")
    (container,) = plain["StatefulSet", "toys-inference"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "pipit/toys-inference:dev"
    assert container["resources"]["limits"]["memory"] == "512Mi"
    trainer = plain["CronJob", "toys-big-blocks-trainer"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert trainer["containers"][0]["args"][0] == "toys.big_blocks"
    assert full["HorizontalPodAutoscaler", "toys-inference"]["spec"]["scaleTargetRef"]["name"] == "toys-inference"
    assert full["Certificate", "toys-inference"]["spec"]["secretName"] == "toys-inference-certificate"
    for rendered, secret in ((plain, "toys-inference-tls"), (full, "toys-inference-certificate")):
        volumes = rendered["StatefulSet", "toys-inference"]["spec"]["template"]["spec"]["volumes"]
        assert [secret] == [each["secret"]["secretName"] for each in volumes if each["name"] == "tls"]


@pytest.mark.docker
def test_the_stack_has_its_server_and_its_trainer(docker: None, repository: Path) -> None:
    files = ("compose.yaml", "compose.train.yaml", "compose.dev.yaml")
    command = ["docker", "compose", "--env-file=/dev/null", "--profile=*", *(f"-f{name}" for name in files)]
    done = subprocess.run(
        [*command, "config", "--format=json"], cwd=repository / "compose", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert services["toys"]["environment"]["PIPIT_SERVING_TASKS"] == "toys.big_blocks"
    assert services["toys"]["environment"]["PYTHONPATH"] == "/src/shared:/src/services/toys"
    others = len(read_domains(REPOSITORY))
    assert [port["published"] for port in services["toys"]["ports"]] == [str(50051 + others), str(9464 + others)]
    assert services["toys-trainer"]["command"] == ["toys.big_blocks"]
    assert services["toys-trainer"]["build"]["args"]["DOMAIN"] == "toys"


@pytest.mark.docker
def test_bake_builds_its_images(docker: None, repository: Path) -> None:
    command = ["docker", "buildx", "bake", "-f", "docker-bake.hcl", "-f", "compose/domains/images.hcl", "--print"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["target"]
    for target in ("inference", "trainer"):
        assert plan[f"toys-{target}"]["args"]["DOMAIN"] == "toys"
        assert plan[f"toys-{target}"]["tags"] == [f"pipit/toys-{target}:dev"]


@pytest.mark.docker
@pytest.mark.timeout(2400)
def test_its_server_is_built(docker: None, repository: Path) -> None:
    image = "pipit/toys-inference:test-new-domain"
    bake = ["docker", "buildx", "bake", "-f", "docker-bake.hcl", "-f", "compose/domains/images.hcl", "--load"]
    done = subprocess.run(
        [*bake, "toys-inference"],
        cwd=repository,
        env={**os.environ, "TAG": "test-new-domain"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    options = ("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--entrypoint", "python")
    said = subprocess.run(
        ["docker", "run", *options, image, "-c", LOAD_PIPELINES], capture_output=True, text=True, check=True
    ).stdout
    assert said == "toys.big_blocks BigBlocksPipeline\n"
    labels = json.loads(subprocess.run(["docker", "inspect", image], capture_output=True, check=True).stdout)[0][
        "Config"
    ]
    assert labels["Labels"]["org.opencontainers.image.title"] == "Pipit toys inference"
    assert labels["Labels"]["org.opencontainers.image.description"] == "Answers what toys is asked"


@pytest.fixture(scope="module")
def environment(repository: Path) -> dict[str, str]:
    """Of processes in which the new domain is installed."""
    site = repository / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", site, repository / "services/toys"], check=True, capture_output=True)
    # The package as it lies in its folder, beside its recipes; the site has its entry points.
    path = os.pathsep.join(map(str, (repository / "services/toys", site)))
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "PIPIT_SERVING_LOG_FORMAT": "json"}


@pytest.mark.slow
def test_it_is_trained_and_served(
    repository: Path, environment: dict[str, str], popen: Callable[..., subprocess.Popen[str]]
) -> None:
    def pipit(*arguments: str) -> str:
        command = [sys.executable, "-m", "pipit.cli.main", *arguments]
        done = subprocess.run(command, env=environment, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pipit("data", "synthesise", TASK, "--to", "data")
    trained = json.loads(pipit("train", TASK, "--data", "data", "--runs", "runs", "--json"))
    bundle = repository / trained["bundle"]
    options = ("--bundle", str(bundle), "--port", "0", "--metrics-port", "0")
    server = popen(
        [sys.executable, "-m", "pipit.serving", *options], env=environment, stderr=subprocess.PIPE, text=True
    )
    port, active = 0, False
    while not (port and active):
        line = server.stderr.readline()
        assert line, "the server ended"
        # LiteRT says something on the same stream, which is no JSON.
        found = re.search(r'"port": (\d+)', line)
        port = int(found[1]) if found else port
        active = active or "model_active" in line
    clips = repository / "data" / "synthetic_big_blocks"
    with Client(f"127.0.0.1:{port}") as client:
        best = {
            path.parent.name: client.classify(path, TASK).predictions[0].scores[0].label
            for path in (clips / "low" / "low00_0.wav", clips / "high" / "high00_0.wav")
        }
    assert best == {"low": "low", "high": "high"}
