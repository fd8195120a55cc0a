"""Every overlay with every combination of components: it renders, and every check finds it in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manifests import CHECKS, Check
from manifests.documents import of_kind, pods_of
from manifests.outside import DOMAINS, ROOT, SERVERS
from manifests.rendering import Cluster, chosen, components, overlays, render
from manifests.settings import environment


def test_all_combinations_are_rendered(clusters: list[Cluster]) -> None:
    combinations = 2 ** len(components(ROOT))
    assert combinations >= 2**5
    assert overlays(ROOT) == ["dev", "pi"]
    assert len({(each.overlay, each.components) for each in clusters}) == 2 * combinations
    assert len({each.text for each in clusters}) == 2 * combinations, "some component changes nothing"


@pytest.mark.parametrize("overlay", overlays(ROOT))
def test_the_committed_overlay_is_one_of_them(overlay: str, workspace: Path, clusters: list[Cluster]) -> None:
    folder = workspace / "k8s/overlays" / overlay
    twin = next(each for each in clusters if (each.overlay, each.components) == (overlay, chosen(folder)))
    assert render(folder) == twin.text


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_every_combination_is_in_order(check: Check, clusters: list[Cluster]) -> None:
    found: dict[str, list[str]] = {}
    for each in clusters:
        for problem in check(each.parsed):
            found.setdefault(problem, []).append(each.title)
    assert not found, "\n".join(f"{problem} ({len(where)} times, as in {where[0]})" for problem, where in found.items())


def test_every_domain_with_images_has_a_server_and_a_trainer(clusters: list[Cluster]) -> None:
    assert {f"{domain.name}-inference" for domain in DOMAINS} == set(SERVERS) - {"registry", "console"}
    documents = clusters[0].parsed
    trained = {}
    for document in of_kind(documents, "CronJob"):
        (container,) = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        trained[document["metadata"]["name"]] = container["args"][0]
    assert sorted(trained.values()) == sorted(task for domain in DOMAINS for task in domain.trained)
    for domain in DOMAINS:
        server = next(pod for pod in pods_of(documents) if pod.title == f"StatefulSet {domain.name}-inference")
        assert environment(documents, server.containers[0])["PIPIT_SERVING_TASKS"].split(",") == list(domain.tasks)
        assert server.containers[0]["resources"]["limits"]["memory"] == f"{domain.server_mib}Mi"
        for task in domain.trained:
            assert trained[f"{domain.name}-{task.partition('.')[2].replace('_', '-')}-trainer"] == task


def test_a_server_is_a_device_by_a_name_that_a_restart_keeps(clusters: list[Cluster]) -> None:
    # The pods of a StatefulSet alone have such names; a Deployment's would be a new device each time.
    for each in clusters:
        servers = [pod for pod in pods_of(each.parsed) if pod.labels.get("app.kubernetes.io/component") == "inference"]
        assert {pod.title for pod in servers} == {f"StatefulSet {domain.name}-inference" for domain in DOMAINS}
        for pod in servers:
            named = {entry["name"]: entry for entry in pod.containers[0]["env"]}["PIPIT_SERVING_DEVICE_ID"]
            assert named["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_jobs_wait_until_somebody_wants_them(clusters: list[Cluster]) -> None:
    for document in of_kind(clusters[0].documents(), "CronJob"):
        assert document["spec"]["suspend"] is True
        assert document["spec"]["jobTemplate"]["spec"]["completionMode"] == "Indexed"


def test_the_pi_overlay_runs_servers_on_arm64_with_local_disks(clusters: list[Cluster]) -> None:
    pi = next(each for each in clusters if (each.overlay, each.components) == ("pi", chosen(ROOT / "k8s/overlays/pi")))
    pods = [pod for pod in pods_of(pi.documents()) if pod.owner["kind"] != "CronJob"]
    assert len(pods) >= 3
    for pod in pods:
        assert pod.spec["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
        for claim in pod.claim_templates.values():
            assert claim["spec"]["storageClassName"] == "local-path"
    claims = of_kind(pi.documents(), "PersistentVolumeClaim")
    assert {claim["spec"]["storageClassName"] for claim in claims} == {"local-path"}


def test_no_pod_holds_a_token_of_the_cluster(fullest: Cluster) -> None:
    documents = fullest.documents()
    assert all(each["automountServiceAccountToken"] is False for each in of_kind(documents, "ServiceAccount"))
    assert all(pod.spec["automountServiceAccountToken"] is False for pod in pods_of(documents))
    assert not of_kind(documents, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret")


def test_config_maps_are_small_enough_to_apply(fullest: Cluster) -> None:
    # `kubectl apply` repeats an object in an annotation, of 256 KiB at most.
    sizes = {each["metadata"]["name"]: len(json.dumps(each)) for each in of_kind(fullest.parsed, "ConfigMap")}
    assert len(sizes) >= 4
    assert not {name: size for name, size in sizes.items() if size > 200_000}


@pytest.mark.parametrize("component", components(ROOT))
def test_every_component_has_a_readme(component: str) -> None:
    folder = ROOT / "k8s/components" / component
    assert (folder / "README.md").read_text().startswith("# ")
