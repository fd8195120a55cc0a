from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest
from pipit.deployment import read_domain
from pipit.errors import AlreadyExists, InvalidInput, NotFound
from pipit.skeleton import FRAMEWORKS, INPUTS, write_task
from pipit.skeleton.requirements import domain_with_all, requirements_of

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What `write_task` looks at of a checkout."""
    (tmp_path / "shared").mkdir()
    for path in (REPOSITORY / "pyproject.toml", REPOSITORY / "shared" / "pyproject.toml"):
        shutil.copy(path, tmp_path / path.relative_to(REPOSITORY))
    for path in (each for each in REPOSITORY.glob("services/*/*") if each.is_file()):
        copied = tmp_path / path.relative_to(REPOSITORY)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    return tmp_path


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("kind", "framework"), list(product(INPUTS, FRAMEWORKS)))
def test_every_skeleton_is_in_the_style_of_the_house(root: Path, kind: str, framework: str) -> None:
    written = write_task(root, "garden.big_birds", kind, framework)
    package = root / "services/garden/garden/big_birds"
    assert {path.name for path in package.iterdir()} == {
        "__init__.py",
        *(f"{name}.py" for name in ("pipeline", "recipe", "data", "network", "task")),
    }
    for path in (each for each in written.files if each.suffix == ".py"):
        ast.parse(path.read_text())
    ruff = Path(sys.executable).with_name("ruff")
    for command in (("check",), ("format", "--check")):
        done = subprocess.run(
            [ruff, *command, "--no-cache", root / "services/garden"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
    domain = read_domain(root / "services/garden")
    assert domain.tasks == domain.trained == ("garden.big_birds",)
    assert domain.landmarks is (kind == "face")
    points = tomllib.loads((root / "services/garden/pyproject.toml").read_text())["project"]["entry-points"]
    assert points["pipit.trainers"] == {"garden.big_birds": "garden.big_birds.task:BigBirdsTrainer"}


def test_a_second_task_joins_a_domain_and_changes_nothing_else_in_it(root: Path) -> None:
    before = content(root)
    written = write_task(root, "footprints.tail", "series", "torch")
    assert not written.new_domain
    changed = {name for name, data in content(root).items() if before.get(name) not in (None, data)}
    assert changed == {"services/footprints/pyproject.toml"}
    project = root / "services/footprints/pyproject.toml"
    points = tomllib.loads(project.read_text())["project"]["entry-points"]
    assert points["pipit.pipelines"]["footprints.tail"] == "footprints.tail.pipeline:TailPipeline"
    assert points["pipit.pipelines"].keys() > {"footprints.tail"}
    added = {
        line
        for line in project.read_text().splitlines()
        if line not in before["services/footprints/pyproject.toml"].decode().splitlines()
    }
    assert len(added) == 5


def test_locks_are_those_of_the_domain_that_has_all_and_least_besides(root: Path) -> None:
    kinds = [("face", "torch"), ("series", "torch"), ("image", "keras"), ("series", "keras"), ("audio", "torch")]
    found = [domain_with_all(root, requirements_of(kind, framework)) for kind, framework in kinds]
    names = ["emotion", "baby_monitor", "footprints", "footprints", "baby_monitor"]
    assert [folder and folder.name for folder in found] == names
    written = write_task(root, "garden.birds", "audio", "keras")
    assert written.locks_from == "home_security"
    for name in ("serve.lock.txt", "train.lock.txt"):
        assert (root / "services/garden" / name).read_bytes() == (root / "services/home_security" / name).read_bytes()
    assert write_task(root, "yard.birds", "audio", "torch").locks_from == "baby_monitor"
    assert (root / "services/yard/train.torch.txt").read_text().splitlines()[-1].startswith("torch==")


@pytest.mark.parametrize(
    ("task", "kind", "error", "said"),
    [
        ("garden", "audio", InvalidInput, "is no task"),
        ("Garden.birds", "audio", InvalidInput, "is no task"),
        ("garden.", "audio", InvalidInput, "is no task"),
        ("garden.birds.song", "audio", InvalidInput, "is no task"),
        ("garden.garden", "audio", InvalidInput, "is no task"),
        ("../garden.birds", "audio", InvalidInput, "is no task"),
        ("garden.birds", "smell", InvalidInput, "--input is one of audio, image, face, series"),
        ("registry.birds", "audio", AlreadyExists, "is no domain"),
    ],
)
def test_what_can_t_be_written_leaves_everything_as_it_was(
    root: Path, task: str, kind: str, error: type[Exception], said: str
) -> None:
    before = content(root)
    with pytest.raises(error, match=said):
        write_task(root, task, kind, "keras")
    assert content(root) == before


def test_a_task_that_is_there_is_left_alone(root: Path) -> None:
    write_task(root, "garden.birds", "audio", "keras")
    before = content(root)
    with pytest.raises(AlreadyExists, match=r"garden\.birds is there already"):
        write_task(root, "garden.birds", "image", "torch")
    assert content(root) == before


def test_only_a_checkout_is_written_into(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no checkout of Pipit"):
        write_task(tmp_path, "garden.birds", "audio", "keras")
    assert list(tmp_path.iterdir()) == []
