"""A workflow as GitHub reads it, and its steps run here: conditions, expressions and scripts, without the actions."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|==|!=|&&|\|\||!|[(),]|[\w-]+(?:\.[\w-]+)*)")
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not ", "==": "==", "!=": "!=", "(": "(", ")": ")", ",": ","}
_MAY_BE_UNSET = {"vars", "secrets", "inputs"}


@dataclass(frozen=True)
class Step:
    """How a step ended. code: None where it was left out."""

    name: str
    code: int | None
    output: str


@dataclass(frozen=True)
class Workflow:
    """One file of .github/workflows, every scalar as text."""

    path: Path

    @property
    def content(self) -> dict[str, Any]:
        # The base loader: to YAML 1.1 the key `on` is a truth value, to GitHub it is not.
        document: dict[str, Any] = yaml.load(self.path.read_text("utf-8"), yaml.BaseLoader)
        return document

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Of all jobs."""
        return [step for job in self.content["jobs"].values() for step in job["steps"]]

    def step(self, name: str) -> dict[str, Any]:
        (found,) = (step for step in self.steps if step.get("name") == name)
        return found

    def run_job(self, job: str, contexts: Mapping[str, Any], environment: Mapping[str, str]) -> list[Step]:
        """Runs the scripts of a job, as far as their conditions let them. environment: wins over the workflow's."""
        steps, failed = [], False
        for step in self.content["jobs"][job]["steps"]:
            name = step.get("name", step.get("uses", ""))
            if "run" not in step or not condition(step.get("if", ""), contexts, failed):
                steps.append(Step(name, None, ""))
                continue
            steps.append(self.run_step(job, step, contexts, environment))
            failed = failed or steps[-1].code != 0
        return steps

    def run_step(
        self, job: str, step: Mapping[str, Any], contexts: Mapping[str, Any], environment: Mapping[str, str]
    ) -> Step:
        """Runs one script, whatever its condition, as GitHub's bash does."""
        given = {**self.content["jobs"][job].get("env", {}), **step.get("env", {})}
        values = {name: substitute(text, contexts) for name, text in given.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=REPOSITORY,
            env={**clean_environment(), **values, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Step(step.get("name", ""), done.returncode, done.stdout)


def clean_environment() -> dict[str, str]:
    """Without what a `make` that runs the tests, or a user's settings, would say to the one that they run."""
    named = {
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "MAKEOVERRIDES",
        "ARGS",
        "TASK",
        "RECIPE",
        "REGISTRY",
        "REPORT",
        "PUBLISH",
    }
    return {name: value for name, value in os.environ.items() if name not in named and not name.startswith("PIPIT_")}


def evaluate(expression: str, contexts: Mapping[str, Any]) -> Any:
    """The value of what stands between ${{ and }}; the part of the language that is used here.

    Raises KeyError for a name that no context has.
    """

    def look_up(path: str) -> Any:
        value: Any = contexts
        first, *rest = path.split(".")
        value = value[first]
        for part in rest:
            value = value.get(part, "") if first in _MAY_BE_UNSET else value[part]
        return value

    functions = {
        "fromJSON": json.loads,
        "format": lambda text, *values: text.format(*values),
        "cancelled": lambda: contexts["cancelled"],
        "success": lambda: not contexts["failed"],
    }
    python, place = [], 0
    while expression[place:].strip():
        match = _TOKEN.match(expression, place)
        assert match is not None, f"no expression: {expression[place:]!r}"
        token, place = match[1], match.end()
        if token in _OPERATORS:
            python.append(_OPERATORS[token])
        elif token.startswith("'"):
            python.append(repr(token[1:-1].replace("''", "'")))
        elif expression[place:].lstrip().startswith("("):
            python.append(f"functions[{token!r}]")
        else:
            python.append(f"look_up({token!r})")
    return eval("".join(python).strip(), {"functions": functions, "look_up": look_up})


def substitute(text: str, contexts: Mapping[str, Any]) -> str:
    return EXPRESSION.sub(lambda match: str(evaluate(match[1], contexts)), text)


def condition(text: str, contexts: Mapping[str, Any], failed: bool) -> bool:
    """Whether a step or a job with this `if` runs. One that asks for no status runs after success alone."""
    bare = text.strip().removeprefix("${{").removesuffix("}}")
    asks = any(f"{status}(" in bare for status in ("success", "failure", "always", "cancelled"))
    if failed and not asks:
        return False
    return not bare or bool(evaluate(bare, {"cancelled": False, **contexts, "failed": failed}))
