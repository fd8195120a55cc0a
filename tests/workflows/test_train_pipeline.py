"""The steps of `.github/workflows/train-model.yml`, run here on a program's data, with a registry on this machine."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pipit.bundle.signing import generate_key, save_private_key, verify
from pipit.errors import NotFound, PermissionDenied
from pipit.registry import RegistryClient
from pipit.registry.types import Listing
from workflow_here import REPOSITORY, Step, Workflow

pytestmark = pytest.mark.slow

TASK = "emotion.stress"
TOKEN = "of-the-pipeline"
FEW_EPOCHS = "--set epochs=2"
CALLERS = f"""\
callers:
- {{name: pipeline, roles: [publisher], sha256: {hashlib.sha256(TOKEN.encode()).hexdigest()}}}
"""


@dataclass(frozen=True)
class Here:
    """A machine that the workflow runs on. folder: everything that it leaves lies there."""

    folder: Path
    registry: str
    key: Ed25519PrivateKey
    workflow: Workflow

    @property
    def contexts(self) -> dict[str, Any]:
        return {
            "github": {"event_name": "push", "ref_name": "main", "event": {"repository": {"default_branch": "main"}}},
            "vars": {
                "PIPIT_DATA": str(self.folder / "data"),
                "PIPIT_RUNS": str(self.folder / "runs"),
                "PIPIT_REGISTRY": self.registry,
            },
            "secrets": {"PIPIT_TOKEN": TOKEN, "PIPIT_SIGNING_KEY": (self.folder / "key.pem").read_text()},
            "matrix": {"task": TASK, "recipe": "synthetic"},
        }

    def environment(self, options: str) -> dict[str, str]:
        """What GitHub gives besides, this environment in place of the trainer's, and a smaller training."""
        return {
            "RUNNER_TEMP": str(self.folder / "temporary"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "shown.md"),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "REPORT": str(self.folder / "report"),
            "MAKEFLAGS": f"-- TRAIN={self.folder / 'environment' / 'bin'}",
            "ARGS": options,
        }

    def train(self, options: str, **matrix: str) -> dict[str, Step]:
        """Runs the job `train`; gives its steps by name."""
        (self.folder / "shown.md").unlink(missing_ok=True)
        contexts = {**self.contexts, "matrix": {**self.contexts["matrix"], **matrix}}
        steps = self.workflow.run_job("train", contexts, self.environment(options))
        return {step.name: step for step in steps}

    def shown(self) -> str:
        return (self.folder / "shown.md").read_text()

    def listing(self) -> Listing | None:
        with RegistryClient(self.registry, TOKEN) as client:
            try:
                return client.list_versions(TASK)
            except NotFound:
                return None


@pytest.fixture(scope="module")
def here(train_model: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    server_module = pytest.importorskip("model_registry.server")
    settings_module = pytest.importorskip("model_registry.settings")
    pipit = Path(sys.executable).with_name("pipit")
    if not pipit.exists():
        pytest.skip("needs `pipit` beside this Python; make setup installs it")
    folder = tmp_path_factory.mktemp("pipeline")
    binaries = folder / "environment" / "bin"
    binaries.mkdir(parents=True)
    (folder / "environment" / ".ready").touch()
    # A link would take another Python for its own.
    (binaries / "pipit").write_text(f'#!/bin/sh\nexec {shlex.quote(str(pipit))} "$@"\n')
    (binaries / "pipit").chmod(0o755)
    (folder / "temporary").mkdir()
    key = generate_key()
    save_private_key(key, folder / "key.pem")
    (folder / "callers.yaml").write_text(CALLERS)
    server = server_module.RegistryServer(
        settings_module.RegistrySettings(
            store=folder / "store", port=0, metrics_port=0, grace_seconds=1.0, tokens=folder / "callers.yaml"
        )
    )
    server.start()
    yield Here(folder, f"127.0.0.1:{server.port}", key, train_model)
    server.stop()


@pytest.fixture(scope="module")
def trained(here: Here) -> dict[str, Step]:
    return here.train(FEW_EPOCHS)


def test_trains_and_shows_the_gates(here: Here, trained: dict[str, Step]) -> None:
    assert trained["Train, evaluate, check gates"].code == 0, trained["Train, evaluate, check gates"].output
    assert trained["Show gates"].code == 0
    page = here.shown()
    assert page.startswith("## emotion.stress, recipe synthetic\n")
    assert "| right more often than not | accuracy | > 0.7 |" in page
    assert page.count("| passed |") == 5
    kept = {path.name for path in (here.folder / "report").iterdir()}
    assert kept >= {"summary.md", "model_card.md", "evaluation.json", "confusion.png"}


def test_a_programs_data_are_not_published(here: Here, trained: dict[str, Step]) -> None:
    assert trained["Publish"].code is None
    assert "It was not published." in here.shown()
    assert here.listing() is None


def test_publishes_signed_and_promotes_nothing(here: Here, trained: dict[str, Step]) -> None:
    assert trained["Train, evaluate, check gates"].code == 0
    publish = here.workflow.step("Publish")
    done = here.workflow.run_step("train", publish, here.contexts, here.environment(FEW_EPOCHS))
    assert done.code == 0, done.output
    # Trained once: the second call makes the bundle anew, with its signature.
    assert [line.split()[0] for line in done.output.splitlines() if "up to date" in line] == [
        "prepare",
        "fit",
        "evaluate",
        "export",
        "verify",
    ]
    listing = here.listing()
    assert listing is not None
    assert [version.version for version in listing.versions] == ["1.0.0"]
    assert listing.environments == ()
    assert "Published as version 1.0.0, and not promoted" in (here.folder / "report" / "summary.md").read_text()
    with RegistryClient(here.registry, TOKEN) as client:
        content = client.get_version(TASK, "1.0.0")
        assert verify(content.signature, content.manifest, [here.key.public_key()])
        # Not even by hand: what the pipeline knows may publish and no more.
        with pytest.raises(PermissionDenied):
            client.promote(TASK, "1.0.0", "staging")
    assert list((here.folder / "temporary").iterdir()) == []
    assert TOKEN not in done.output
    assert "PRIVATE KEY" not in done.output


def test_a_failing_gate_is_shown_ends_the_job_and_is_not_published(here: Here) -> None:
    before = here.listing()
    # On a recipe that would be published: only its gate stands against it.
    ended = here.train(f"{FEW_EPOCHS} --set gates.0.limit=1.1", recipe=str(own_recipe(here.folder)))
    train = ended["Train, evaluate, check gates"]
    assert train.code == 2
    assert "accuracy is 0." in train.output
    assert "must be > 1.1), so it was not published" in train.output
    assert "Error 6" in train.output
    assert ended["Publish"].code is None
    assert ended["Show gates"].code == 0
    page = here.shown()
    assert page.startswith("## emotion.stress, recipe own\n")
    assert "It fails its gates, so it was not published." in page
    assert "| right more often than not | accuracy | > 1.1 |" in page
    assert page.count("| **failed** |") == 1
    assert here.listing() == before


def own_recipe(folder: Path) -> Path:
    text = (REPOSITORY / "services" / "emotion" / "configs" / "stress-synthetic.yaml").read_text()
    path = folder / "stress-own.yaml"
    path.write_text(text.replace("name: synthetic", "name: own", 1))
    return path


def test_what_breaks_off_is_said(here: Here) -> None:
    # As in a checkout that is new to the job.
    (here.folder / "report" / "summary.md").unlink(missing_ok=True)
    ended = here.train("", task="emotion.joy", recipe="huge")
    assert ended["Train, evaluate, check gates"].code == 2
    assert "emotion.joy" in ended["Train, evaluate, check gates"].output
    assert ended["Publish"].code is None
    assert here.shown() == "emotion.joy huge ended before its gates could be checked; the log says why.\n"


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"task": TASK, "recipe": "tcn"}, [{"task": TASK, "recipe": "tcn"}]),
        ({"task": TASK}, [{"task": TASK, "recipe": ""}]),
        ({}, []),
    ],
)
def test_finds_what_is_to_be_trained(here: Here, inputs: dict[str, str], found: list[dict[str, str]]) -> None:
    outputs = here.folder / "outputs"
    outputs.unlink(missing_ok=True)
    # A branch that was not there before has nothing to be compared with.
    contexts = {"inputs": inputs, "github": {"event": {"before": "0" * 40}}}
    (step,) = [
        each for each in here.workflow.run_job("trainings", contexts, here.environment("")) if each.code is not None
    ]
    assert step.code == 0, step.output
    name, _, value = outputs.read_text().partition("=")
    assert (name, json.loads(value)) == ("trainings", found)


def test_a_task_that_is_not_there_ends_the_job(here: Here) -> None:
    contexts = {"inputs": {"task": "emotion.joy"}, "github": {"event": {"before": ""}}}
    (step,) = [
        each for each in here.workflow.run_job("trainings", contexts, here.environment("")) if each.code is not None
    ]
    assert step.code == 1
    assert "there is no task 'emotion.joy' to train" in step.output
