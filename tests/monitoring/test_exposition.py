"""What the processes of a stack expose, against the one list of metrics."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from pipit.metrics import metric_definitions
from prometheus_client.parser import text_string_to_metric_families
from running_stack import REGISTRY, Stack, naming_server

pytestmark = pytest.mark.slow
AT_TIMES = {"pipit_shadow_answers_total", "pipit_shadow_disagreements_total"} | {
    f"pipit_rollout_{name}" for name in ("info", "stage", "devices", "evidence")
}
"""No rollout is open at the end, and no candidate runs beside a version that has served for less than a minute."""
AT_TIMES |= {"pipit_label_events_total", "pipit_examples_deleted_total"} | {
    f"pipit_examples_received_{unit}total" for unit in ("", "bytes_")
}
AT_TIMES |= {f"pipit_examples_{name}_total" for name in ("kept", "left_out", "sent")}
"""Nobody labels here, and no device may keep anything; the registry's tests and those of capture do."""
AT_TIMES |= {"pipit_worker_ends_total"}
"""Workers outlast the traffic, where there are any."""
SERVICES = {"kitchen:9464": "inference", "garage:9464": "inference", "attic:9464": "inference", REGISTRY: "registry"}


@pytest.fixture(scope="module")
def porch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server that names faces shows its metrics."""
    with naming_server(tmp_path_factory.mktemp("porch")) as address:
        yield address


def scrape(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
        families = text_string_to_metric_families(response.read().decode())
    return {family.name + ("_total" if family.type == "counter" else ""): family for family in families}


@pytest.mark.parametrize("instance", SERVICES)
def test_a_service_exposes_just_what_is_listed_for_it(stack: Stack, instance: str) -> None:
    listed = {entry.name: entry for entry in metric_definitions() if SERVICES[instance] in entry.processes}
    exposed = scrape(stack.metrics[instance])
    assert {name: (family.type, family.documentation) for name, family in exposed.items()} == {
        name: (entry.type, entry.help) for name, entry in listed.items()
    }
    for name, family in exposed.items():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(listed[name].labels) - {"le"}, name


@pytest.mark.parametrize("process", ["inference", "registry"])
def test_every_metric_that_is_listed_has_a_value_somewhere(stack: Stack, porch: str, process: str) -> None:
    addresses = [stack.metrics[instance] for instance, kind in SERVICES.items() if kind == process]
    if process == "inference":
        addresses.append(porch)
    listed = {entry.name for entry in metric_definitions() if process in entry.processes}
    found = {name for address in addresses for name, family in scrape(address).items() if family.samples}
    assert listed - AT_TIMES <= found <= listed
