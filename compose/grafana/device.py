"""One inference server: what it runs, how fast, and what it needs for that."""

from __future__ import annotations

from frame import YES_NO, add, board, choice
from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import DASHED_RED, ORANGE, RED, graph, listing, number, query, steps, timeline
from process import process

OF = 'instance="$instance"'


def device() -> Dashboard:
    """One process of `pipit.serving`."""
    made = board("pipit-device", "Pipit / Device", "One inference server.")
    made.with_variable(choice("instance", "Server", 'label_values(up{job="inference"}, instance)'))
    add(made, "Latency", [*_numbers(), *_latency()])
    add(made, "Load", _load())
    add(made, "Models", _models())
    add(made, "People", _people())
    add(made, "Process", process(OF))
    return made


def _numbers() -> list[object]:
    return [
        number(
            "Up", "Whether Prometheus reaches it.", "none", f"up{{{OF}}}", steps((1, "green"), base=RED), words=YES_NO
        ),
        number(
            "p95",
            "Of its slowest task, five minutes back.",
            "s",
            f"max(instance_task_version:pipit_request_seconds:p95_5m{{{OF}}})",
        ),
        number("Answers", "Inputs answered.", "reqps", f'sum(rate(pipit_requests_total{{{OF}, code="OK"}}[5m]))'),
        number(
            "Failed",
            "Share of requests that failed through no fault of callers. An alert begins at 5 %.",
            "percentunit",
            f"max(instance_task:pipit_requests_failed:ratio_rate5m{{{OF}}})",
            steps((0.01, ORANGE), (0.05, RED)),
        ),
        number(
            "Tasks without a model",
            "They answer UNAVAILABLE.",
            "none",
            f"count(pipit_model_ready{{{OF}}} == 0) or vector(0)",
            steps((1, ORANGE)),
        ),
        number("Running for", "Since its last start.", "s", f"time() - process_start_time_seconds{{{OF}}}", decimals=0),
    ]


def _latency() -> list[object]:
    whole = f"rate(pipit_request_seconds_bucket{{{OF}}}[5m])"
    stages = f"rate(pipit_stage_seconds_bucket{{{OF}}}[5m])"
    return [
        graph(
            "Time to answer",
            "From a request's arrival to its answer. p95: 95 of 100 take less. Dashed: the budget for p95.",
            "s",
            [
                query(f"histogram_quantile(0.50, sum by (task, version, le) ({whole}))", "p50 {{task}} {{version}}"),
                query(
                    f"histogram_quantile(0.95, sum by (task, version, le) ({whole}))", "p95 {{task}} {{version}}", "B"
                ),
                query(
                    f"histogram_quantile(0.99, sum by (task, version, le) ({whole}))", "p99 {{task}} {{version}}", "C"
                ),
                query(f"pipit_latency_budget_seconds{{{OF}}}", "budget {{task}} {{version}}", "D"),
            ],
            height=9,
            overrides=[("^budget", DASHED_RED)],
        ),
        graph(
            "Time in each stage, p95",
            "Percentiles do not add up: the slowest wait and the slowest run are seldom of one request.",
            "s",
            [
                query(
                    f"histogram_quantile(0.95, sum by (task, stage, le) ({stages}))",
                    "{{task}} {{stage}}",
                )
            ],
            height=9,
        ),
    ]


def _load() -> list[object]:
    return [
        graph(
            "Requests by status",
            "docs/serving.md says when each is given.",
            "reqps",
            [query(f"sum by (task, code) (rate(pipit_requests_total{{{OF}}}[5m]))", "{{task}} {{code}}")],
            width=8,
            stacked=True,
        ),
        graph(
            "Waiting and running",
            "At the moment of each scrape.",
            "none",
            [
                query(f"pipit_queue_depth{{{OF}}}", "wait"),
                query(f"pipit_running{{{OF}}}", "run", "B"),
                query(f"pipit_streams_open{{{OF}}}", "open streams", "C"),
            ],
            width=8,
        ),
        graph(
            "Score drift",
            "Distance of its best scores from those on the bundle's own test samples, an hour back. Its microphone may "
            "be the only one that has changed.",
            "short",
            [query(f"instance_task_version:pipit_score:drift_1h{{{OF}}}", "{{task}} {{version}}")],
            width=8,
            limit=0.3,
        ),
    ]


def _models() -> list[object]:
    return [
        timeline(
            "Versions that serve",
            "One band for each task and version.",
            [
                query(
                    f"max by (task, version, variant) (pipit_model_active_info{{{OF}}})",
                    "{{task}} {{version}} {{variant}}",
                )
            ],
            {"1": ("serves", "green")},
        ),
        listing(
            "What it should run",
            "As the registry says; digests tell bundles apart.",
            f"pipit_model_desired_info{{{OF}}}",
            {"device": "Device", "task": "Task", "version": "Version", "digest": "Digest"},
        ),
        graph(
            "Steps to a new version",
            "Mean time of each since the process started.",
            "s",
            [
                query(
                    f"sum by (task, stage) (pipit_model_load_seconds_sum{{{OF}}})"
                    f" / sum by (task, stage) (pipit_model_load_seconds_count{{{OF}}})",
                    "{{task}} {{stage}}",
                )
            ],
        ),
        graph(
            "Golden check",
            "Versions refused because this processor's scores were not the trainer's, since the process started.",
            "none",
            [query(f"pipit_golden_failures_total{{{OF}}}", "{{task}} refused")],
        ),
    ]


def _people() -> list[object]:
    # A server of other tasks has no gallery.
    behind = (
        f"max by (gallery) (pipit_gallery_revision) - on (gallery) max by (gallery) (pipit_gallery_revision{{{OF}}})"
    )
    return [
        graph(
            "People it knows",
            "How many the gallery holds whose consent holds. Nobody's name is in any metric.",
            "none",
            [query(f"max by (gallery) (pipit_gallery_people{{{OF}}}) or on() vector(0)", "{{gallery}}")],
        ),
        graph(
            "Gallery behind",
            "Changes that another server has taken up and this one has not. Until it does, it names people who were "
            "forgotten and does not know those who are new.",
            "none",
            [query(f"{behind} or on() vector(0)", "{{gallery}}")],
        ),
    ]
