"""What commands that train share: the trainer of a task with its recipe, and its steps up to a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipit.bundle import MANIFEST_FILE, SemanticVersion, parse_manifest
from pipit.bundle.signing import key_id
from pipit.cli.bundles import BUNDLE
from pipit.cli.label.connection import connected_labels
from pipit.cli.output import say
from pipit.cli.settings import CliSettings
from pipit.errors import InvalidInput, NotFound
from pipit.registry import RegistryClient
from pipit.settings import load_settings
from pipit.training.classifier import ClassifierTrainer
from pipit.training.label_data import fetch_label_data, with_label_data
from pipit.training.publish import make_bundle, next_version
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run
from pipit.training.steps import Outcome, actions_of, run_steps
from pipit.training.trainer import Trainer, load_trainer


def open_trainer(
    task: str,
    recipe: str,
    overrides: Mapping[str, Any],
    data: Path | None,
    *,
    additional: Sequence[str] = (),
    registry: str = "",
    runs: Path | None = None,
) -> Trainer:
    """The trainer of `task` with a recipe: by name, by path, or the task's own if `recipe` is empty.

    additional: `labels://…`, beside those that the recipe names. They are fetched from the registry, "" for the one in
    the settings, to a cache below `runs`, None for the folder in the settings.
    Raises NotFound for a task or recipe that is not there, InvalidInput for a wrong recipe.
    """
    kind = load_trainer(task)
    path = recipe_path(kind, task, recipe)
    loaded = with_label_data(load_recipe(path, kind.recipe_type, overrides), additional)
    if not loaded.additional_data:
        return kind(loaded, data)
    settings = load_settings(CliSettings)
    with connected_labels(registry) as (examples, labels):
        cache = (runs or settings.runs) / ".cache" / "labels"
        loaded, fetched = fetch_label_data(loaded, kind, examples, labels, cache)
    trainer = kind(loaded, data)
    # Whoever can be trained on them has sources; see `fetch_label_data`.
    cast(ClassifierTrainer[Any, Any, Any], trainer).sources.located = {one.path: one.folder for one in fetched}
    for one in fetched:
        say(str(one))
        for line in one.left_out:
            say(f"left out: {line}")
    return trainer


def recipe_path(kind: type[Trainer], task: str, recipe: str) -> Path:
    """Of a recipe by name, by path, or of the task's own if `recipe` is empty. Raises NotFound for an unknown name."""
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml"):
        return path
    return find_recipe(kind.recipe_folder, task, recipe or kind.default_recipe)


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """`optimiser.learning_rate=0.01` and so on; values are read as YAML. Raises InvalidInput."""
    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise InvalidInput(f"--set {setting!r} is not KEY=VALUE, for example --set epochs=10")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidInput(f"--set {setting!r}: {value!r} is no YAML value") from error
    return overrides


def run_training(
    trainer: Trainer,
    run: Run,
    until: str = "publish",
    *,
    force: tuple[str, ...] = (),
    version: str = "",
    published: Mapping[SemanticVersion, str] | None = None,
    key: Ed25519PrivateKey | None = None,
) -> tuple[list[Outcome], Path | None]:
    """Runs the steps; gives what became of each, and the bundle's folder if `until` is the last step.

    version: of the bundle; empty for the one that the run's bundle has already, or else the one after the newest of
    `published` and of the bundles in the folder of runs. published: digests by version, of the registry that the bundle
    goes to. A run's bundle keeps its version if that is free there and newer than all, or is its own.
    """
    bundle = run.folder / BUNDLE
    chosen = SemanticVersion(version) if version else _version_of(bundle, run, published or {})

    def make(run: Run) -> Mapping[str, Any]:
        made = make_bundle(trainer, run, chosen, run.output("publish") / "bundle", key)
        return {"version": str(made.manifest.version), "digest": made.digest}

    salt = f"{chosen} {key_id(key.public_key()) if key else ''} {' '.join(run.synthetic)}".rstrip()
    outcomes = run_steps(run, actions_of(trainer, make), until, force=force, salt=salt if until == "publish" else "")
    return outcomes, bundle if until == "publish" else None


def _version_of(bundle: Path, run: Run, published: Mapping[SemanticVersion, str]) -> SemanticVersion:
    own, record = _bundle_version(bundle), run.records().get("publish")
    if own is not None and record is not None and record.status == "done":
        digest = published.get(own)
        if digest == record.facts.get("digest") or (digest is None and all(own > other for other in published)):
            return own
    siblings = [_bundle_version(folder) for folder in run.folder.parent.glob(f"*/{BUNDLE}")]
    return next_version([*published, *(version for version in siblings if version is not None)])


def _bundle_version(bundle: Path) -> SemanticVersion | None:
    try:
        return parse_manifest((bundle / MANIFEST_FILE).read_bytes()).version
    except (FileNotFoundError, InvalidInput):
        return None


def published_versions(client: RegistryClient, task: str) -> dict[SemanticVersion, str]:
    """Digests of the versions of `task` in the registry; none if it does not know the task."""
    try:
        return {SemanticVersion(each.version): each.digest for each in client.list_versions(task).versions}
    except NotFound:
        return {}
