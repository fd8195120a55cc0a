"""Checks of rendered Kubernetes manifests that schemas can't make. Each gives sentences that say what is wrong."""

from __future__ import annotations

from collections.abc import Callable

from manifests import budget, network, pod_security, probes, references, secret_files, services, settings
from manifests.documents import Document

Check = Callable[[list[Document]], list[str]]

CHECKS: dict[str, Check] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        references.check_names,
        references.check_objects,
        references.check_mounts,
        references.check_scale_targets,
        services.check_ports,
        services.check_selectors,
        services.check_headless,
        services.check_addresses,
        budget.check_quantities,
        budget.check_node,
        budget.check_cache,
        settings.check_images,
        settings.check_settings,
        secret_files.check_secret_files,
        probes.check_probes,
        probes.check_stop,
        network.check_ways,
        pod_security.check_pod_security,
    )
}


def problems(documents: list[Document]) -> list[str]:
    """What is wrong with one cluster's manifests, by every check."""
    return [f"{name}: {problem}" for name, check in CHECKS.items() for problem in check(documents)]
