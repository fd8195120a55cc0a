"""Rendering with kubectl, which needs no cluster for it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from manifests.documents import Document, parse

SHARED = ("k8s", "compose")
"""Folders that manifests take files from."""


class RenderError(Exception):
    """kubectl refuses a kustomization; its text says why."""


@dataclass(frozen=True)
class Cluster:
    """One overlay with some of the components."""

    overlay: str
    components: tuple[str, ...]
    text: str

    @property
    def title(self) -> str:
        return " + ".join((self.overlay, *self.components))

    @cached_property
    def parsed(self) -> list[Document]:
        """To be read only."""
        return parse(self.text)

    def documents(self) -> list[Document]:
        """Anew each time, so that a test may change them."""
        return parse(self.text)


def render(folder: Path) -> str:
    """Raises RenderError."""
    # Collecting garbage is a third of what so short a process does, and every combination has one.
    environment = {**os.environ, "GOGC": "off"}
    command = ["kubectl", "kustomize", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0 or result.stderr:
        raise RenderError(result.stderr)
    return result.stdout


def overlays(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("k8s/overlays/*/kustomization.yaml"))


def components(root: Path) -> list[str]:
    """Folders below k8s/components, for example `tls/cert-manager`."""
    found = []
    for path in sorted(root.glob("k8s/components/**/kustomization.yaml")):
        if yaml.safe_load(path.read_text())["kind"] == "Component":
            found.append(str(path.parent.relative_to(root / "k8s/components")))
    return found


def chosen(overlay: Path) -> tuple[str, ...]:
    """The components that an overlay has as it is committed."""
    listed = yaml.safe_load((overlay / "kustomization.yaml").read_text())["components"]
    return tuple(sorted(each.removeprefix("../../components/") for each in listed))


def copy(root: Path, workspace: Path) -> Path:
    """Copies what manifests are made of; secrets stay where they are."""
    for folder in SHARED:
        shutil.copytree(root / folder, workspace / folder, ignore=shutil.ignore_patterns("files", "secrets"))
    return workspace


def render_all(workspace: Path) -> list[Cluster]:
    """Every overlay with every subset of the components, in a copy that `copy` made. Raises RenderError."""
    names = components(workspace)
    subsets = [subset for size in range(len(names) + 1) for subset in itertools.combinations(names, size)]
    jobs = [(overlay, subset) for overlay in overlays(workspace) for subset in subsets]

    def make(job: tuple[str, tuple[str, ...]]) -> Cluster:
        overlay, subset = job
        return Cluster(overlay, subset, render(variant(workspace, overlay, subset)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(make, jobs))


def variant(workspace: Path, overlay: str, subset: tuple[str, ...]) -> Path:
    """A copy of an overlay with these components instead of its own."""
    source = workspace / "k8s/overlays" / overlay
    folder = workspace / "k8s/overlays" / "-".join((overlay, *subset, "variant")).replace("/", "-")
    shutil.copytree(source, folder)
    document = yaml.safe_load((source / "kustomization.yaml").read_text())
    document["components"] = [f"../../components/{name}" for name in subset]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return folder
