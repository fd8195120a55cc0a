from __future__ import annotations

import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.metrics import Histogram, Metrics, metric_definitions
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as PrometheusHistogram
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


BOUNDS = (0.1, 0.25, 1.0, 2.5)
VALUES = st.lists(st.sampled_from([*BOUNDS, float("inf"), float("nan")]) | st.floats(0, 10), max_size=50)


@given(VALUES)
def test_a_histogram_says_what_that_of_prometheus_says(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = Histogram("a_seconds", "A.", ("task",), BOUNDS, ours).labels("x")
    other = PrometheusHistogram("a_seconds", "A.", ("task",), registry=theirs, buckets=BOUNDS).labels("x")
    for value in values:
        mine.observe(value)
        other.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


def test_a_histogram_without_labels_is_there_from_the_start() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("a_seconds", "A.", (), BOUNDS, registry)
    assert registry.get_sample_value("a_seconds_count") == 0.0
    histogram.labels().observe(0.5)
    assert registry.get_sample_value("a_seconds_bucket", {"le": "1.0"}) == 1.0
    with pytest.raises(ValueError, match="not 1 values"):
        histogram.labels("x")
    with pytest.raises(ValueError, match="colour"):
        histogram.remove_by_labels({"colour": "red"})


def test_nothing_is_lost_of_many_threads_and_a_scrape_between_is_whole() -> None:
    metrics = Metrics("inference")
    stages = [metrics.histogram("pipit_stage_seconds").labels("a.b", "1.0.0", stage) for stage in ("decode", "run")]
    threads, times = 8, 2000

    def observe() -> None:
        for number in range(times):
            # Halves, so that sums are exact in any order.
            with stages[0].lock:
                for stage in stages:
                    stage.add(0.5 * (number % 4))

    workers = [threading.Thread(target=observe) for _ in range(threads)]
    for worker in workers:
        worker.start()
    seen = 0.0
    while any(worker.is_alive() for worker in workers):
        families = {family.name: family for family in metrics.registry.collect()}
        samples = families["pipit_stage_seconds"].samples
        of_run = {s.name + s.labels.get("le", ""): s.value for s in samples if s.labels["stage"] == "run"}
        count = of_run["pipit_stage_seconds_count"]
        assert count == of_run["pipit_stage_seconds_bucket+Inf"] >= seen
        assert 0.0 <= of_run["pipit_stage_seconds_sum"] <= 0.75 * count + 3.0 * threads
        seen = count
    for worker in workers:
        worker.join()
    for stage in stages:
        counts, total = stage.read()
        assert (sum(counts), total) == (threads * times, threads * times * 0.75)
