"""`python -m pipit.deployment.trainings`: which trainings a change of recipes, or of their data, asks for.

    services/<domain>/configs/<task>-<recipe>.yaml         a recipe
    services/<domain>/configs/<task>-<recipe>.data.json    which data it is meant for

Writes JSON, `[{"task": "my_domain.my_task", "recipe": "small"}]`, as a matrix of `.github/workflows/train-model.yml`
takes it in. Like `make domains` it needs Python's own library alone.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipit.deployment.facts import read_domains
from pipit.errors import InvalidInput, NotFound, PipitError

_FILE = re.compile(r"services/(?P<domain>[^/]+)/configs/(?P<task>[^/-]+)-(?P<recipe>[^/]+?)(?:\.yaml|\.data\.json)")
_RECIPE = re.compile(r"[a-z][a-z0-9_]{0,40}")
_NO_COMMIT = re.compile(r"0*")


@dataclass(frozen=True, order=True, slots=True)
class Training:
    """recipe: its name; "" for the task's own."""

    task: str
    recipe: str


def trainings_of(root: Path, changed: Iterable[str]) -> list[Training]:
    """Sorted, each once. changed: paths below `root`; those of no recipe, or of one that is gone, ask for none.

    Raises what `read_domains` raises.
    """
    trained = _trained(root)
    found = set()
    for path in changed:
        match = _FILE.fullmatch(path)
        if match is None or f"{match['domain']}.{match['task']}" not in trained:
            continue
        if _recipe_file(root, match["domain"], match["task"], match["recipe"]).is_file():
            found.add(Training(f"{match['domain']}.{match['task']}", match["recipe"]))
    return sorted(found)


def training_by_hand(root: Path, task: str, recipe: str) -> Training:
    """Raises NotFound for a task or a recipe that is not there, InvalidInput for a recipe that is no name."""
    trained = _trained(root)
    if task not in trained:
        raise NotFound(f"there is no task {task!r} to train; there are {', '.join(trained)}")
    if recipe and not _RECIPE.fullmatch(recipe):
        raise InvalidInput(f"{recipe!r} is no name of a recipe; it is of small letters, digits and underscores")
    domain, _, name = task.partition(".")
    path = _recipe_file(root, domain, name, recipe)
    if recipe and not path.is_file():
        raise NotFound(f"there is no recipe at {path.relative_to(root)}")
    return Training(task, recipe)


def changed_since(root: Path, commit: str) -> list[str]:
    """Paths that differ between `commit` and what is checked out. Empty for a branch that was not there: commit 000….

    Raises InvalidInput if the commit is unknown here, and NotFound without git.
    """
    if _NO_COMMIT.fullmatch(commit):
        return []
    command = [
        "git",
        "-C",
        str(root),
        "diff",
        "--name-only",
        "--no-renames",
        "-z",
        "--end-of-options",
        commit,
        "HEAD",
        "--",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotFound("git is not installed; name a training by --task and --recipe") from None
    if done.returncode != 0:
        raise InvalidInput(
            f"git can't compare with {commit} ({done.stderr.strip()}); after a forced push it may be gone. "
            "Fetch that commit, or name a training by --task and --recipe"
        )
    return [path for path in done.stdout.split("\0") if path]


def _trained(root: Path) -> list[str]:
    return [task for domain in read_domains(root) for task in domain.trained]


def _recipe_file(root: Path, domain: str, task: str, recipe: str) -> Path:
    return root / "services" / domain / "configs" / f"{task}-{recipe}.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 and a line on standard error where the request is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m pipit.deployment.trainings", description="Tell which trainings a change asks for, as JSON."
    )
    parser.add_argument("--root", type=Path, default=Path(), help="folder of the repository (default: here)")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--since", metavar="COMMIT", help="what changed from there to what is checked out")
    asked.add_argument("--task", help="this one, by hand")
    parser.add_argument("--recipe", default="", help="with --task (default: the task's own)")
    options = parser.parse_args(arguments)
    if options.recipe and options.task is None:
        parser.error("--recipe goes with --task")
    try:
        if options.task is not None:
            found = [training_by_hand(options.root, options.task, options.recipe)]
        else:
            found = trainings_of(options.root, changed_since(options.root, options.since))
    except (PipitError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps([asdict(training) for training in found]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
