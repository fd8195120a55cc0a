"""What `.github/workflows/train-model.yml` says, as far as that can be checked without GitHub."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pipit.deployment import Domain, read_domains
from workflow_here import EXPRESSION, REPOSITORY, Workflow, clean_environment, condition, evaluate, substitute

MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")
YAMLLINT = {
    "extends": "default",
    "rules": {"line-length": {"max": 140}, "document-start": "disable", "truthy": {"check-keys": False}},
}


def contexts(**changes: Any) -> dict[str, Any]:
    """Of a push to main, where everything is set up; `vars__PIPIT_DATA=""` changes one."""
    found: dict[str, Any] = {
        "github": {
            "event_name": "push",
            "ref_name": "main",
            "event": {"before": "0" * 40, "repository": {"default_branch": "main"}},
        },
        "inputs": {},
        "vars": {"PIPIT_DATA": "/data", "PIPIT_REGISTRY": "nas.local:50050", "PIPIT_RUNNER": "at-home"},
        "secrets": {"PIPIT_TOKEN": "t", "PIPIT_SIGNING_KEY": "k"},
        "matrix": {"task": "home_security.sounds", "recipe": "small"},
        "needs": {"trainings": {"outputs": {"trainings": '[{"task": "home_security.sounds", "recipe": "small"}]'}}},
        "steps": {"find": {"outputs": {"trainings": "[]"}}},
        "cancelled": False,
        "failed": False,
    }
    for path, value in changes.items():
        first, _, last = path.partition("__")
        found[first] = {**found[first], last: value}
    return found


def passes(*command: str) -> None:
    path = Path(sys.executable).with_name(command[0])
    if not path.exists():
        pytest.skip(f"needs {command[0]}, which comes with the development environment")
    done = subprocess.run([str(path), *command[1:]], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def test_keeps_to_githubs_schema(train_model: Workflow, tmp_path: Path) -> None:
    passes("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(train_model.path))
    # That the schema is one, and knows a key that was added late.
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(train_model.path.read_text().replace("queue: max", "queue: most"))
    with pytest.raises(AssertionError, match="most"):
        passes("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(wrong))


def test_yaml_is_clean(train_model: Workflow) -> None:
    passes("yamllint", "--strict", "-d", json.dumps(YAMLLINT), str(train_model.path))


def test_shell_is_clean(train_model: Workflow, tmp_path: Path) -> None:
    scripts = [step["run"] for step in train_model.steps if "run" in step]
    assert len(scripts) == 4
    for number, script in enumerate(scripts):
        # Variables come from `env`, which shellcheck can't see.
        (tmp_path / f"{number}.sh").write_text(f"#!/usr/bin/env bash\n# shellcheck disable=SC2154\n{script}")
        passes("shellcheck", str(tmp_path / f"{number}.sh"))


def test_actions_are_pinned_by_commit_and_say_their_version(train_model: Workflow) -> None:
    used = re.findall(r"uses: (.+)", train_model.path.read_text())
    assert len(used) == len([step for step in train_model.steps if "uses" in step]) == 4
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


def test_may_read_the_repository_and_nothing_else(train_model: Workflow) -> None:
    assert train_model.content["permissions"] == {}
    assert {json.dumps(job["permissions"]) for job in train_model.content["jobs"].values()} == {'{"contents": "read"}'}
    for step in train_model.steps:
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] == "false"


def test_secrets_reach_the_step_that_publishes_alone(train_model: Workflow) -> None:
    publish = train_model.step("Publish")
    assert {text for text in texts(train_model.content) if "secrets" in text} == {
        text for text in texts(publish["env"]) if "secrets" in text
    }
    assert {name for name, text in publish["env"].items() if "secrets." in text} == {"PIPIT_TOKEN", "SIGNING_KEY"}


def test_no_strangers_change_starts_it(train_model: Workflow) -> None:
    assert set(train_model.content["on"]) == {"push", "workflow_dispatch"}
    assert train_model.content["on"]["push"]["branches"] == ["main"]


def test_starts_for_every_recipe_and_its_data(train_model: Workflow) -> None:
    (pattern,) = train_model.content["on"]["push"]["paths"]
    path = re.compile(re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*"))
    recipes = sorted(REPOSITORY.glob("services/*/configs/*"))
    assert len(recipes) > 20
    for recipe in recipes:
        assert path.fullmatch(recipe.relative_to(REPOSITORY).as_posix()), recipe
    assert path.fullmatch("services/home_security/configs/sounds-small.data.json")
    assert not path.fullmatch("services/home_security/home_security/sounds/recipe.py")


def test_no_expression_stands_in_a_script(train_model: Workflow) -> None:
    """Whoever names a task by hand would else write the script."""
    for step in train_model.steps:
        assert "${{" not in step.get("run", "")


def test_every_expression_has_a_value(train_model: Workflow) -> None:
    text = train_model.path.read_text()
    found = EXPRESSION.findall(text)
    assert len(found) > 15
    for expression in found:
        evaluate(expression, contexts())
    for job in train_model.content["jobs"].values():
        for guarded in (job, *job["steps"]):
            assert condition(guarded.get("if", ""), contexts(), failed=False)
    with pytest.raises(KeyError):
        evaluate("needs.training.outputs.trainings", contexts())
    declared = set(train_model.content["on"]["workflow_dispatch"]["inputs"])
    assert set(re.findall(r"\binputs\.(\w+)", text)) == declared == {"task", "recipe"}
    assert set(train_model.content["jobs"]["trainings"]["outputs"]) == {"trainings"}
    assert train_model.content["jobs"]["train"]["needs"] == "trainings"


@pytest.mark.parametrize(
    ("changes", "trains"),
    [
        ({}, True),
        ({"vars__PIPIT_DATA": ""}, False),
        ({"vars__PIPIT_DATA": "", "github__event_name": "workflow_dispatch"}, True),
        ({"needs__trainings": {"outputs": {"trainings": "[]"}}}, False),
    ],
)
def test_a_push_trains_where_there_are_data(train_model: Workflow, changes: dict[str, Any], trains: bool) -> None:
    job = train_model.content["jobs"]["train"]
    assert condition(job["if"], contexts(**changes), failed=False) is trains


@pytest.mark.parametrize(
    ("changes", "failed", "publishes"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"vars__PIPIT_REGISTRY": ""}, False, False),
        ({"matrix__recipe": "synthetic"}, False, False),
        ({"github__ref_name": "an-idea"}, False, False),
    ],
)
def test_publishes_what_passed_on_main(
    train_model: Workflow, changes: dict[str, Any], failed: bool, publishes: bool
) -> None:
    assert condition(train_model.step("Publish")["if"], contexts(**changes), failed) is publishes


@pytest.mark.parametrize(("cancelled", "shows"), [(False, True), (True, False)])
def test_gates_are_shown_also_of_what_failed(train_model: Workflow, cancelled: bool, shows: bool) -> None:
    for name in ("Show gates", "Keep report and model card"):
        found = {**contexts(), "cancelled": cancelled}
        assert condition(train_model.step(name)["if"], found, failed=True) is shows


def test_a_task_trains_once_at_a_time_and_nothing_is_dropped(train_model: Workflow) -> None:
    job = train_model.content["jobs"]["train"]
    assert substitute(job["concurrency"]["group"], contexts()) == "train-home_security.sounds"
    assert job["concurrency"]["queue"] == "max"
    assert job["strategy"]["fail-fast"] == "false"


def test_runs_where_the_repository_says(train_model: Workflow) -> None:
    where = train_model.content["jobs"]["train"]["runs-on"]
    assert substitute(where, contexts()) == "at-home"
    assert substitute(where, contexts(vars__PIPIT_RUNNER="")) == "ubuntu-latest"


def test_what_is_kept_is_what_was_written(train_model: Workflow) -> None:
    kept = train_model.step("Keep report and model card")["with"]
    assert kept["path"] == train_model.content["jobs"]["train"]["env"]["REPORT"]
    assert substitute(kept["name"], contexts()) == "report-home_security.sounds-small"
    assert substitute(kept["name"], contexts(matrix__recipe="")) == "report-home_security.sounds-default"
    assert (REPOSITORY / ".gitignore").read_text().splitlines().count("build/") == 1


def test_commands_that_it_runs_are_there(train_model: Workflow) -> None:
    scripts = "\n".join(step["run"] for step in train_model.steps if "run" in step)
    targets = re.findall(r"\bmake ([a-z-]+)", scripts)
    assert targets == ["train-pipeline", "train-pipeline"]
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    given = {*train_model.content["jobs"]["train"]["env"], "REGISTRY", "PUBLISH"}
    for variable in {name for name in given if not name.startswith("PIPIT_")}:
        assert re.search(rf"^{variable} \?=", MAKEFILE, re.MULTILINE), f"make does not take {variable}"
    (module,) = re.findall(r"python3 -m ([\w.]+)", scripts)
    assert importlib.util.find_spec(module) is not None


TASKS = [(domain, task) for domain in read_domains(REPOSITORY) for task in domain.trained]


@pytest.mark.parametrize(("domain", "task"), TASKS, ids=[task for _, task in TASKS])
def test_every_task_is_trained_in_its_own_environment(domain: Domain, task: str) -> None:
    command = ["make", "--dry-run", "--always-make", "train-pipeline", f"TASK={task}", "RECIPE=synthetic", "PUBLISH="]
    done = subprocess.run(command, cwd=REPOSITORY, env=clean_environment(), capture_output=True, text=True, check=True)
    made = re.findall(r"touch \.venv/(\S+)/\.ready", done.stdout)
    beside = f"{domain.beside}-{domain.package}"
    assert made == [f"train-{domain.package}", *([beside] if task == f"{domain.package}.{domain.beside}" else [])]
    environment = f".venv/train-{domain.package}/bin"
    synthesise, train = done.stdout.splitlines()[-2:]
    assert synthesise.split() == [f"{environment}/pipit", "data", "synthesise", task]
    assert train.split()[:5] == [f"{environment}/pipit", "train", task, "--recipe", "synthetic"]


def test_nothing_that_it_runs_promotes(train_model: Workflow, tmp_path: Path) -> None:
    (tmp_path / ".ready").touch()
    command = ["make", "--dry-run", "train-pipeline", f"TRAIN={tmp_path}/bin"]
    done = subprocess.run(command, cwd=REPOSITORY, env=clean_environment(), capture_output=True, text=True, check=False)
    (line,) = done.stdout.splitlines()
    report = ("--report", "build/train", "--publish", "--registry", "127.0.0.1:50050")
    options = ("--data-manifest", "check", "--require-gates", *report)
    assert line.split() == [f"{tmp_path}/bin/pipit", "train", "home_security.sounds", *options]
    assert "promote" not in "".join(step.get("run", "") for step in train_model.steps)
