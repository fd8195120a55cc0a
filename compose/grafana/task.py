"""One task: how fast it answers comes first, then how much, how often it fails, and what it says."""

from __future__ import annotations

from frame import add, board, choice
from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import DASHED_RED, ORANGE, RED, bars, graph, heat, listing, number, query, steps, timeline

OF = 'task="$task", version=~"$version"'
ENDS = f'{OF}, le!="+Inf"'
SERVES = {"1": ("serves", "green")}
HERE = 'on (instance) pipit_model_ready{task="$task"}'
"""Of processes that serve the task: what a process has as a whole knows no task."""


def task() -> Dashboard:
    """One task, all its devices and versions."""
    made = board("pipit-task", "Pipit / Task", "One task: latency, throughput, errors, answers, versions.")
    made.with_variable(choice("task", "Task", "label_values(pipit_model_ready, task)"))
    versions = 'label_values(pipit_request_seconds_count{task="$task"}, version)'
    made.with_variable(choice("version", "Version", versions, several=True))
    add(made, "Latency", [*_numbers(), *_latency()])
    add(made, "Throughput and errors", _load())
    add(made, "Answers", _answers())
    add(made, "Versions", _versions())
    return made


def _numbers() -> list[object]:
    budget = "95 of 100 answers should take less than the budget, which the bundle states."
    return [
        number("Median", "Time to answer.", "s", f"max(task_version:pipit_request_seconds:p50_5m{{{OF}}})"),
        number("p95", budget, "s", f"max(task_version:pipit_request_seconds:p95_5m{{{OF}}})"),
        number("Budget", budget, "s", f"min(pipit_latency_budget_seconds{{{OF}}})"),
        number("Answers", "Inputs answered.", "reqps", f"sum(task_version:pipit_requests_answered:rate5m{{{OF}}})"),
        number(
            "Failed",
            "Share of requests that failed through no fault of callers. An alert begins at 5 %.",
            "percentunit",
            'max(task:pipit_requests_failed:ratio_rate5m{task="$task"})',
            steps((0.01, ORANGE), (0.05, RED)),
        ),
        number(
            "Devices that answer",
            "Processes in which the task has a model.",
            "none",
            'sum(pipit_model_ready{task="$task"})',
        ),
    ]


def _latency() -> list[object]:
    whole = "task_version:pipit_request_seconds"
    return [
        graph(
            "Time to answer",
            "From a request's arrival to its answer. p95: 95 of 100 take less. Dashed: the budget for p95.",
            "s",
            [
                query(f"{whole}:p50_5m{{{OF}}}", "p50 {{version}}"),
                query(f"{whole}:p95_5m{{{OF}}}", "p95 {{version}}", "B"),
                query(f"{whole}:p99_5m{{{OF}}}", "p99 {{version}}", "C"),
                query(f"max by (version) (pipit_latency_budget_seconds{{{OF}}})", "budget {{version}}", "D"),
            ],
            height=9,
            overrides=[("^budget", DASHED_RED)],
        ),
        graph(
            "Time in each stage, p95",
            "Percentiles do not add up: the slowest wait and the slowest run are seldom of one request.",
            "s",
            [query(f"task_version_stage:pipit_stage_seconds:p95_5m{{{OF}}}", "{{stage}} {{version}}")],
            height=9,
        ),
        heat(
            "Time to answer, all requests",
            "How many answers took how long. Two bands: two kinds of devices, or of inputs.",
            "s",
            f"sum by (le) (increase(pipit_request_seconds_bucket{{{OF}}}[$__rate_interval]))",
        ),
        graph(
            "Time to answer, p95, by device",
            "A device that is slower than its fellows.",
            "s",
            [
                query(
                    f"instance_task_version:pipit_request_seconds:p95_5m{{{OF}}}"
                    " * on (instance, task, version) group_left (device) pipit_model_active_info",
                    "{{device}} {{version}}",
                )
            ],
        ),
    ]


def _load() -> list[object]:
    return [
        graph(
            "Answers by version",
            "Inputs answered. A swap shows as one version taking over from another.",
            "reqps",
            [query(f"task_version:pipit_requests_answered:rate5m{{{OF}}}", "{{version}}")],
            stacked=True,
        ),
        graph(
            "Requests not answered",
            "By gRPC status; docs/serving.md says when each is given.",
            "reqps",
            [query('task_code:pipit_requests:rate5m{task="$task", code!="OK"}', "{{code}}")],
        ),
        graph(
            "Waiting and running",
            "Requests of the processes that serve this task, at the moment of each scrape.",
            "none",
            [
                query(f"sum(pipit_queue_depth and {HERE})", "wait"),
                query(f"sum(pipit_running and {HERE})", "run", "B"),
                query(f"sum(pipit_streams_open and {HERE})", "open streams", "C"),
                query(f"sum(pipit_workers and {HERE})", "workers beside", "D"),
            ],
            width=8,
        ),
        graph(
            "Failed and refused",
            "Share of requests. Failed: no fault of callers; an alert begins at 5 %. Refused: the callers' fault.",
            "percentunit",
            [
                query('task:pipit_requests_failed:ratio_rate5m{task="$task"}', "failed"),
                query('task:pipit_requests_refused:ratio_rate5m{task="$task"}', "refused", "B"),
            ],
            width=8,
            limit=0.05,
        ),
        graph(
            "Rows in one run",
            "Mean. Over 1 where callers share runs (batch_rows), or send several windows at once.",
            "none",
            [
                query(
                    f"sum by (version) (rate(pipit_batch_rows_sum{{{OF}}}[$__rate_interval]))"
                    f" / sum by (version) (rate(pipit_batch_rows_count{{{OF}}}[$__rate_interval]))",
                    "{{version}}",
                )
            ],
            width=8,
        ),
    ]


def _answers() -> list[object]:
    active = "and on (instance, task, version) pipit_model_active_info"
    return [
        graph(
            "What it says",
            "Predictions by what they say: a detected label, else the background, else the best label. None: unknown.",
            "reqps",
            [query(f"sum by (label) (task_version_label:pipit_labels:rate5m{{{OF}}})", "{{label}}")],
            stacked=True,
        ),
        heat(
            "Best scores",
            "How sure the model was. A band that moves says that the world, or the microphone, has changed.",
            "none",
            f"sum by (le) (increase(pipit_score_bucket{{{OF}}}[$__rate_interval]))",
        ),
        bars(
            "Best scores, here and on the bundle's test samples",
            "Share of answers whose best score is at most this, from the active version. The widest gap is the drift.",
            "percentunit",
            "le",
            {
                "here, last hour": f"sum by (le) (rate(pipit_score_bucket{{{ENDS}}}[1h]) {active})"
                f" / ignoring (le) group_left () sum(rate(pipit_score_count{{{OF}}}[1h]) {active})",
                "test samples": f"max by (le) (pipit_score_reference_ratio{{{ENDS}}} {active})",
            },
        ),
        graph(
            "Score drift",
            "That widest gap over time: 0 the same, 1 apart. An alert begins at 0.3.",
            "short",
            [query(f"task_version:pipit_score:drift_1h{{{OF}}}", "{{version}}")],
            width=6,
            limit=0.3,
        ),
        graph(
            "Unknown",
            "Share of the inputs that no label describes, an hour back.",
            "percentunit",
            [query(f"task_version:pipit_unknown:ratio_rate1h{{{OF}}}", "{{version}}")],
            width=6,
            most=1,
        ),
        graph(
            "Hard examples",
            "Answers close to a decision border, worth a label by a person. Since the start of each process.",
            "none",
            [query(f"sum by (version) (pipit_hard_examples_total{{{OF}}})", "{{version}}")],
            width=6,
        ),
        graph(
            "False alarms in an hour",
            "Detections of which somebody said that there was nothing. Only what is sent back can be counted.",
            "none",
            [query(f"task_version:pipit_false_alarms:increase1h{{{OF}}}", "{{version}}")],
            width=6,
        ),
        listing(
            "Labels that came back",
            "What was answered beside what people said it was, since the start of each process.",
            f"sum by (predicted, label) (pipit_feedback_total{{{OF}}})",
            {"predicted": "Answered", "label": "Was", "Value": "Times"},
        ),
    ]


def _versions() -> list[object]:
    return [
        timeline(
            "Which version serves where",
            "One band for each device and version.",
            [
                query(
                    'max by (device, version) (pipit_model_active_info{task="$task"})',
                    "{{device}} {{version}}",
                )
            ],
            SERVES,
        ),
        listing(
            "Devices",
            "Which version answers, and with which variant of the weights.",
            'max by (device, version, variant, instance) (pipit_model_active_info{task="$task"})',
            {"device": "Device", "version": "Version", "variant": "Variant", "instance": "Server"},
            links={"Device": "/d/pipit-device?var-instance=${__data.fields.Server}&${__url_time_range}"},
        ),
        graph(
            "Steps to a new version",
            "Mean time of each, since the start of each process.",
            "s",
            [
                query(
                    'sum by (stage) (pipit_model_load_seconds_sum{task="$task"})'
                    ' / sum by (stage) (pipit_model_load_seconds_count{task="$task"})',
                    "{{stage}}",
                )
            ],
            width=8,
        ),
        graph(
            "Loads by outcome",
            "Since the start of each process: swapped, or the step that refused.",
            "none",
            [query('sum by (outcome) (pipit_model_loads_total{task="$task"})', "{{outcome}}")],
            width=8,
        ),
        graph(
            "Golden check",
            "Largest difference of the device's scores from the trainer's. Over its tolerance a version is refused.",
            "sci",
            [query('max by (instance) (pipit_golden_deviation{task="$task"})', "{{instance}}")],
            width=8,
        ),
    ]
