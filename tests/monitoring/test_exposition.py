"""What the processes of a stack expose, against the one list of metrics."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from pipit.metrics import metric_definitions
from prometheus_client.parser import text_string_to_metric_families
from running_stack import REGISTRY, Stack

pytestmark = pytest.mark.slow
SERVICES = {"kitchen:9464": "inference", "garage:9464": "inference", "attic:9464": "inference", REGISTRY: "registry"}


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
def test_every_metric_that_is_listed_has_a_value_somewhere(stack: Stack, process: str) -> None:
    listed = {entry.name for entry in metric_definitions() if process in entry.processes}
    found = {
        name
        for instance, kind in SERVICES.items()
        if kind == process
        for name, family in scrape(stack.metrics[instance]).items()
        if family.samples
    }
    assert found == listed
