from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pipit.deployment.trainings import Training, changed_since, main, training_by_hand, trainings_of
from pipit.errors import InvalidInput, NotFound

Add = Callable[..., Path]


@pytest.fixture
def repository(add: Add, tmp_path: Path) -> Path:
    for domain, port, tasks in (("toys", 50060, ("blocks", "big_cars")), ("birds", 50061, ("songs",))):
        configs = add(domain, port, tasks) / "configs"
        configs.mkdir()
        for task in tasks:
            for recipe in ("small", "own_data"):
                (configs / f"{task}-{recipe}.yaml").write_text("epochs: 1\n")
    return tmp_path


@pytest.fixture
def git(repository: Path) -> Callable[..., str]:
    def call(*arguments: str) -> str:
        identity = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(repository), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    call("init", "--quiet", "--initial-branch", "main")
    call("add", ".")
    call("commit", "--quiet", "--message", "begin")
    return call


def test_a_recipe_or_its_data_ask_for_it_once(repository: Path) -> None:
    changed = [
        "services/toys/configs/blocks-small.yaml",
        "services/toys/configs/blocks-small.data.json",
        "services/toys/configs/big_cars-own_data.data.json",
        "services/birds/configs/songs-small.yaml",
    ]
    assert trainings_of(repository, changed) == [
        Training("birds.songs", "small"),
        Training("toys.big_cars", "own_data"),
        Training("toys.blocks", "small"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "services/toys/configs/blocks-gone.yaml",
        "services/toys/configs/blocks-gone.data.json",
        "services/toys/configs/puzzles-small.yaml",
        "services/trains/configs/blocks-small.yaml",
        "services/toys/configs/README.md",
        "services/toys/toys/blocks/task.py",
        "elsewhere/services/toys/configs/blocks-small.yaml",
    ],
)
def test_anything_else_asks_for_none(repository: Path, path: str) -> None:
    assert trainings_of(repository, [path]) == []


def test_what_changed_since_a_commit(repository: Path, git: Callable[..., str]) -> None:
    before = git("rev-parse", "HEAD")
    configs = repository / "services" / "toys" / "configs"
    (configs / "blocks-small.yaml").write_text("epochs: 2\n")
    (configs / "blocks-own_data.yaml").unlink()
    (configs / "big_cars-small.yaml").rename(configs / "big_cars-large.yaml")
    git("add", ".")
    git("commit", "--quiet", "--message", "other recipes")
    assert trainings_of(repository, changed_since(repository, before)) == [
        Training("toys.big_cars", "large"),
        Training("toys.blocks", "small"),
    ]
    assert changed_since(repository, git("rev-parse", "HEAD")) == []
    assert changed_since(repository, "0" * 40) == []


def test_a_commit_that_is_not_here(repository: Path, git: Callable[..., str]) -> None:
    git("status")
    with pytest.raises(InvalidInput, match="after a forced push it may be gone"):
        changed_since(repository, "1234567890" * 4)
    with pytest.raises(InvalidInput, match="git can't compare with --output=x"):
        changed_since(repository, "--output=x")
    assert not (repository / "x").exists()


def test_by_hand(repository: Path) -> None:
    assert training_by_hand(repository, "toys.big_cars", "own_data") == Training("toys.big_cars", "own_data")
    assert training_by_hand(repository, "toys.blocks", "") == Training("toys.blocks", "")
    with pytest.raises(
        NotFound, match=r"no task 'toys.dolls' to train; there are birds.songs, toys.blocks, toys.big_cars"
    ):
        training_by_hand(repository, "toys.dolls", "")
    with pytest.raises(NotFound, match=r"no recipe at services/toys/configs/blocks-huge.yaml"):
        training_by_hand(repository, "toys.blocks", "huge")
    for recipe in ("../blocks-small", "small;reboot", "Small", "$(reboot)"):
        with pytest.raises(InvalidInput, match="is no name of a recipe"):
            training_by_hand(repository, "toys.blocks", recipe)


def test_writes_what_a_matrix_takes_in(
    repository: Path, git: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(repository), "--task", "toys.blocks", "--recipe", "small"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == [{"task": "toys.blocks", "recipe": "small"}]
    assert out.count("\n") == 1
    assert main(["--root", str(repository), "--since", git("rev-parse", "HEAD")]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert main(["--root", str(repository), "--task", "toys.dolls"]) == 1
    assert capsys.readouterr().err.startswith("there is no task 'toys.dolls'")


@pytest.mark.parametrize("arguments", [[], ["--since", "a", "--task", "b"], ["--since", "a", "--recipe", "b"]])
def test_a_wrong_call(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
