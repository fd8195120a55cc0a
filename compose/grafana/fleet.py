"""All tasks and all devices on one page: what to open first."""

from __future__ import annotations

from frame import YES_NO, add, board
from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import DASHED_RED, ORANGE, RED, graph, listing, number, query, steps, timeline
from rollouts import reports, rollouts

TO_DEVICE = "/d/pipit-device?var-instance=${__data.fields.Server}&${__url_time_range}"
TO_TASK = "/d/pipit-task?var-task=${__data.fields.Task}&${__url_time_range}"


def fleet() -> Dashboard:
    """The overview."""
    made = board("pipit-fleet", "Pipit / Fleet", "All tasks on all devices.")
    add(made, "Answers", [*_numbers(), *_answers()])
    add(made, "Rollouts", rollouts())
    add(made, "Devices", [*reports(), *_devices()])
    add(made, "What the models see", _models())
    return made


def _numbers() -> list[object]:
    return [
        number(
            "Slowest task, p95",
            "95 of 100 answers of each task take less than this. Five minutes back.",
            "s",
            "max(task_version:pipit_request_seconds:p95_5m)",
        ),
        number("Answers", "Inputs answered, all tasks.", "reqps", "sum(task_version:pipit_requests_answered:rate5m)"),
        number(
            "Failed",
            "Share of requests that failed through no fault of callers, in the worst task. An alert begins at 5 %.",
            "percentunit",
            "max(task:pipit_requests_failed:ratio_rate5m)",
            steps((0.01, ORANGE), (0.05, RED)),
        ),
        number(
            "Servers down",
            "Inference servers that Prometheus does not reach.",
            "none",
            'count(up{job="inference"} == 0) or vector(0)',
            steps((1, RED)),
        ),
        number(
            "Not answering",
            "Tasks on devices that have no model which answers, whatever the reason.",
            "none",
            "count(pipit_model_ready == 0) or vector(0)",
            steps((1, ORANGE)),
        ),
        number(
            "Alerts",
            "Alerts that fire now; the list is below.",
            "none",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            steps((1, RED)),
        ),
    ]


def _answers() -> list[object]:
    return [
        graph(
            "Time to answer, p95",
            "From a request's arrival to its answer: 95 of 100 take less. Dashed: the budget that the bundle states.",
            "s",
            [
                query("task_version:pipit_request_seconds:p95_5m", "{{task}} {{version}}"),
                query("max by (task) (pipit_latency_budget_seconds)", "budget of {{task}}", "B"),
            ],
            overrides=[("^budget", DASHED_RED)],
        ),
        graph(
            "Answers by task",
            "Inputs answered.",
            "reqps",
            [query("sum by (task) (task_version:pipit_requests_answered:rate5m)", "{{task}}")],
            stacked=True,
        ),
        graph(
            "Failed",
            "Share of requests that failed through no fault of callers. An alert begins at 5 %.",
            "percentunit",
            [query('task:pipit_requests_failed:ratio_rate5m{task!=""}', "{{task}}")],
            limit=0.05,
        ),
        graph(
            "Refused",
            "Share of requests that were the callers' fault: unreadable input, for example.",
            "percentunit",
            [query('task:pipit_requests_refused:ratio_rate5m{task!=""}', "{{task}}")],
        ),
    ]


def _devices() -> list[object]:
    return [
        listing(
            "What runs where",
            "The version that answers, on each device.",
            "max by (device, task, version, variant, instance) (pipit_model_active_info)",
            {"device": "Device", "task": "Task", "version": "Version", "variant": "Variant", "instance": "Server"},
            links={"Device": TO_DEVICE, "Task": TO_TASK},
        ),
        timeline(
            "Tasks that answer",
            "Of each device. A task without a model does not answer; the alert says why.",
            [query("min by (instance, task) (pipit_model_ready)", "{{instance}} {{task}}")],
            YES_NO,
        ),
        graph(
            "Devices by version",
            "How far a new version has come.",
            "none",
            [query("count by (task, version) (pipit_model_active_info)", "{{task}} {{version}}")],
            stacked=True,
        ),
        graph(
            "Waiting for their version",
            "Devices on which another version answers than the registry wants, or none.",
            "none",
            [
                query(
                    "count by (task, version) (pipit_model_desired_info"
                    " unless on (instance, task, digest) pipit_model_active_info)"
                    " or count by (task, version) (pipit_model_desired_info) * 0",
                    "{{task}} {{version}}",
                )
            ],
        ),
        listing(
            "Alerts that fire",
            "docs/runbook.md says what to do about each.",
            'ALERTS{alertstate="firing"}',
            {"alertname": "Alert", "severity": "Severity", "task": "Task", "instance": "Server", "version": "Version"},
            width=24,
            height=6,
        ),
    ]


def _models() -> list[object]:
    return [
        graph(
            "Score drift",
            "Distance of the best scores from those on the bundle's own test samples: 0 the same, 1 apart.",
            "short",
            [query("task_version:pipit_score:drift_1h", "{{task}} {{version}}")],
            width=8,
            limit=0.3,
        ),
        graph(
            "Unknown",
            "Share of the inputs that no label describes, an hour back.",
            "percentunit",
            [query("task_version:pipit_unknown:ratio_rate1h", "{{task}} {{version}}")],
            width=8,
        ),
        graph(
            "False alarms in an hour",
            "Detections of which somebody said that there was nothing. Only what is sent back can be counted.",
            "none",
            [query("task_version:pipit_false_alarms:increase1h", "{{task}} {{version}}")],
            width=8,
        ),
    ]
