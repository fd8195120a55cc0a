"""Domains as their folders tell of them, and what is written from that for Docker, compose and Kubernetes.

    services/<domain>/domain.toml, pyproject.toml ──▶ facts.py ──▶ images.py      what bake builds
                                                              ├──▶ compose.py     servers, trainers, Prometheus' targets
                                                              └──▶ kubernetes.py  manifests that kustomize takes in

`make domains` runs `python -m pipit.deployment`. It needs Python's own library alone: nothing has to be installed.
"""

from pipit.deployment.facts import Domain, free_port, read_domain, read_domains
from pipit.deployment.write import differences, rendered, write

__all__ = ["Domain", "differences", "free_port", "read_domain", "read_domains", "rendered", "write"]
