from __future__ import annotations

import re

import pytest
from pipit.metrics import Metrics, metric_definitions
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families


def test_names_are_unique_and_follow_the_conventions() -> None:
    definitions = metric_definitions()
    assert len({entry.name for entry in definitions}) == len(definitions) >= 20
    for entry in definitions:
        assert re.fullmatch(r"(pipit|grpc_server|process)_[a-z_]+", entry.name), entry.name
        assert entry.name.endswith("_total") == (entry.type == "counter"), entry.name
        assert entry.help.endswith("."), entry.name
        assert set(entry.processes) <= {"inference", "registry", "console"}, entry.name
        assert bool(entry.buckets) == (entry.type == "histogram"), entry.name
        assert list(entry.buckets) == sorted(set(entry.buckets)), entry.name


@pytest.mark.parametrize("process", ["inference", "registry", "console"])
def test_a_process_exposes_just_what_the_file_lists_for_it(process: str) -> None:
    exposed = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(generate_latest(Metrics(process).registry).decode())  # type: ignore[arg-type]
    }
    listed = {entry.name: entry.type for entry in metric_definitions() if process in entry.processes}
    assert exposed == listed


def test_a_metric_is_had_by_its_name_and_type() -> None:
    metrics = Metrics("inference")
    metrics.counter("pipit_unknown_total").labels(task="a.b", version="1.0.0").inc(2)
    assert metrics.registry.get_sample_value("pipit_unknown_total", {"task": "a.b", "version": "1.0.0"}) == 2.0
    with pytest.raises(KeyError, match="lists no gauge 'pipit_unknown_total' for this process"):
        metrics.gauge("pipit_unknown_total")
    with pytest.raises(KeyError, match="lists no counter 'pipit_unknown_total' for this process"):
        Metrics("registry").counter("pipit_unknown_total")


def test_what_is_gone_is_forgotten_and_nothing_else() -> None:
    metrics = Metrics("inference")
    for version in ("1.0.0", "2.0.0"):
        metrics.counter("pipit_unknown_total").labels("a.b", version).inc()
        metrics.histogram("pipit_stage_seconds").labels("a.b", version, "run").observe(0.1)
    metrics.gauge("pipit_queue_depth").set(3)
    metrics.forget(task="a.b", version="1.0.0")
    text = generate_latest(metrics.registry).decode()
    assert 'version="1.0.0"' not in text
    assert metrics.registry.get_sample_value("pipit_unknown_total", {"task": "a.b", "version": "2.0.0"}) == 1.0
    assert metrics.registry.get_sample_value("pipit_queue_depth") == 3.0
