"""From what the steps left to a bundle, and from there to the registry.

draft  ->  golden scores  ->  manifest with lineage  ->  bundle directory  ->  registry
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipit.bundle import Bundle, write_bundle
from pipit.bundle.golden import check_golden, run_once, write_golden
from pipit.bundle.manifest import GOLDEN_FILE, Expectations, GoldenSamples, Lineage, Manifest, Network, Variant
from pipit.bundle.version import SemanticVersion
from pipit.data.synthetic import MARK
from pipit.pipelines import load_pipeline
from pipit.pipelines.networks import open_networks, open_pipeline
from pipit.runtimes import load_runtime
from pipit.training.run import Run
from pipit.training.trainer import BundleDraft, Trainer

WEIGHTS = "weights"
NETWORKS = "networks"
FIRST_VERSION = SemanticVersion("1.0.0")


def next_version(published: Iterable[SemanticVersion]) -> SemanticVersion:
    """The version after the newest one: a new training of the same task is a minor step; 1.0.0 if there is none."""
    newest = max(published, default=None)
    if newest is None:
        return FIRST_VERSION
    major, minor, _ = str(newest).partition("-")[0].partition("+")[0].split(".")
    return SemanticVersion(f"{major}.{int(minor) + 1}.0")


def make_bundle(
    trainer: Trainer,
    run: Run,
    version: SemanticVersion,
    directory: Path,
    signing_key: Ed25519PrivateKey | None = None,
) -> Bundle:
    """Writes the bundle of a finished run to `directory`, and answers its golden samples once more from there.

    Raises AlreadyExists if there is one, IntegrityError if a variant does not repeat itself.
    """
    draft = trainer.draft(run)
    files = {f"{WEIGHTS}/{v.name}{v.path.suffix}": v.path for v in draft.variants}
    networks = {
        name: Network(runtime=n.runtime, file=f"{NETWORKS}/{name}{n.path.suffix}") for name, n in draft.networks.items()
    }
    if run.synthetic:
        # So that what is made of the bundle's files is known for what it is, too.
        files[MARK] = run.folder / MARK
    files |= {networks[name].file: n.path for name, n in draft.networks.items()}
    variants = tuple(
        Variant(name=v.name, runtime=v.runtime, file=f"{WEIGHTS}/{v.name}{v.path.suffix}") for v in draft.variants
    )
    manifest = Manifest(
        task=run.recipe.task,
        version=version,
        model_type=run.recipe.network,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=draft.labels,
        input=draft.input,
        pipeline=draft.pipeline,
        variants=variants,
        default_variant=run.recipe.export.default_variant,
        networks=networks,
        decision=draft.decision,
        metrics=dict(draft.metrics),
        gates=run.recipe.gates,
        golden=GoldenSamples(tolerance={v.name: run.recipe.golden.tolerance[v.name] for v in variants}),
        expected=Expectations(latency_budget_ms=run.recipe.latency_budget_ms, best_scores=draft.best_scores),
        lineage=_lineage(run, draft),
        files={},
    )
    with TemporaryDirectory() as folder:
        golden = Path(folder) / GOLDEN_FILE
        _write_golden(golden, manifest, draft)
        bundle = write_bundle(directory, manifest, {**files, **draft.files, GOLDEN_FILE: golden}, signing_key)
    with open_pipeline(bundle) as pipeline:
        for variant in variants:
            with closing(load_runtime(bundle.weights(variant.name), variant.runtime)) as runtime:
                check_golden(bundle, variant.name, pipeline, runtime)
    return bundle


def _write_golden(path: Path, manifest: Manifest, draft: BundleDraft) -> None:
    paths = {manifest.networks[name].file: network.path for name, network in draft.networks.items()}
    scores = {}
    with open_networks(manifest.networks, paths.__getitem__) as networks:
        pipeline = load_pipeline(manifest, networks)
        for variant in draft.variants:
            with closing(load_runtime(variant.path, variant.runtime)) as runtime:
                scores[variant.name] = [run_once(item, manifest.labels, pipeline, runtime) for item in draft.golden]
    write_golden(path, draft.golden, scores)


def _lineage(run: Run, draft: BundleDraft) -> Lineage:
    return Lineage(
        dataset_digest=run.dataset_digest,
        split_rule=draft.split_rule,
        config_digest=run.recipe.digest,
        code_version=code_version(),
        seed=run.recipe.seed,
        base_bundle=draft.base_bundle,
        label_sets=tuple(source.path for source in run.recipe.additional_data),
        synthetic=run.synthetic,
    )


def code_version() -> str:
    """The package's version, and the commit where it runs from a checkout (`+dirty` with uncommitted changes)."""
    released = package_version("pipit-shared")
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+dirty", "--abbrev=12"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return released
    return f"{released} ({described})"
