"""What manifests may name though they don't bring it, and where it comes from."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml
from pipit.deployment import read_domains

ROOT = Path(__file__).parents[3]

DOMAINS = read_domains(ROOT)
STORAGE_CLASSES = {
    "local-path": "k3s brings it",
    "shared": "components/distributed-training/README.md",
}


def _generated_secrets() -> dict[str, set[str]]:
    generators = yaml.safe_load((ROOT / "k8s/secrets/kustomization.yaml").read_text())["secretGenerator"]
    return {each["name"]: {file.split("=")[0].rpartition("/")[2] for file in each["files"]} for each in generators}


GENERATED = _generated_secrets()
"""Keys of the secrets that `make k3s` makes."""


@cache
def own_images() -> frozenset[str]:
    """Names of the images that docker-bake.hcl makes, without registry and tag."""
    return frozenset(
        {"registry", "console", *(f"{each.name}-{kind}" for each in DOMAINS for kind in ("inference", "trainer"))}
    )


SERVERS = ("registry", "console", *sorted(name for name in own_images() if name.endswith("-inference")))
"""Names of Pipit's own servers, the same for image, workload and Service."""
SECRETS: dict[str, set[str]] = {
    **GENERATED,
    # components/cert-manager/README.md
    **{f"{holder}-certificate": {"tls.crt", "tls.key", "ca.crt"} for holder in (*SERVERS, "caller")},
    "tls-authority": {"ca.crt"},
}


@cache
def foreign_images() -> frozenset[str]:
    """Images of others, with their tag: those that compose runs."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "compose").glob("*.yaml")))
    return frozenset(re.findall(r"\$\{PIPIT_[A-Z_]*IMAGE:-([^}]+)\}", text))
