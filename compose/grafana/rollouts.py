"""Versions on their way over the devices, and what devices tell the registry of themselves."""

from __future__ import annotations

from panels import ORANGE, RED, graph, listing, number, query, steps, timeline

SUCCEEDED = "pipit_rollout_time_to_fleet_seconds_bucket"
BACK = "pipit_rollback_seconds_bucket"


def rollouts() -> list[object]:
    """A row: what is under way, what the rules see of it, and how the last ones ended."""
    return [*_numbers(), *_under_way(), *_ended()]


def _numbers() -> list[object]:
    return [
        number(
            "Rollouts",
            "That are open: prefetching, running or paused.",
            "none",
            "count(max by (task, environment, rollout) (pipit_rollout_info)) or vector(0)",
        ),
        number(
            "Paused",
            "They wait for somebody. An alert begins after half an hour.",
            "none",
            'count(max by (task, environment, rollout) (pipit_rollout_info{state="paused"})) or vector(0)',
            steps((1, ORANGE)),
        ),
        number(
            "Last ones that were stopped",
            "Environments whose last rollout was stopped, by a rule or by somebody.",
            "none",
            'count(max by (task, environment) (pipit_rollout_last_verdict_info{verdict="aborted"})) or vector(0)',
            steps((1, ORANGE)),
        ),
        number(
            "Most evidence",
            "Of any rule against any open rollout, as a share of its limit: at 100 % it stops or pauses it.",
            "percentunit",
            "max(task_environment_rule:pipit_rollout_evidence:max) or vector(0)",
            steps((0.5, ORANGE), (1, RED)),
        ),
        number(
            "To the fleet, p95",
            "From a rollout's start to the new version on all reachable devices. Since the copies began.",
            "s",
            f"histogram_quantile(0.95, sum by (le) ({SUCCEEDED})) >= 0 or vector(0)",
        ),
        number(
            "Back, p95",
            "From a stop to the version before on all reachable devices. Since the copies began.",
            "s",
            f"histogram_quantile(0.95, sum by (le) ({BACK})) >= 0 or vector(0)",
            steps((10, ORANGE), (30, RED)),
        ),
    ]


def _under_way() -> list[object]:
    def state(name: str, number: int) -> str:
        return f'max by (task, environment, to_version) (pipit_rollout_info{{state="{name}"}}) * {number}'

    return [
        timeline(
            "State",
            "Of each rollout. Where a band ends, it has ended; how, the list below says.",
            [
                query(
                    f"{state('prefetching', 1)} or {state('running', 2)} or {state('paused', 3)}",
                    "{{task}} {{environment}} {{to_version}}",
                )
            ],
            {"1": ("prefetching", "blue"), "2": ("running", "green"), "3": ("paused", ORANGE)},
            width=8,
        ),
        graph(
            "Devices by how far they are",
            "Waiting ones serve the version before, serving ones the new one.",
            "none",
            [query("task_environment_lane:pipit_rollout_devices:max", "{{task}} {{environment}} {{lane}}")],
            width=8,
            stacked=True,
        ),
        graph(
            "Evidence",
            "What each rule sees, as a share of its limit. Dashed: there it stops or pauses the rollout.",
            "percentunit",
            [query("task_environment_rule:pipit_rollout_evidence:max", "{{task}} {{environment}} {{rule}}")],
            width=8,
            limit=1,
        ),
    ]


def _ended() -> list[object]:
    failed = 'sum by (task, version) (rate(pipit_replayed_total{result!="agreed"}[5m]))'
    return [
        listing(
            "Last verdicts",
            "Why the last rollout of each environment ended, or stands still.",
            "max by (task, environment, verdict, rule, sentence) (pipit_rollout_last_verdict_info)",
            {
                "task": "Task",
                "environment": "Environment",
                "verdict": "Verdict",
                "rule": "Rule",
                "sentence": "Why",
            },
            width=16,
        ),
        graph(
            "Other answers than the version that serves",
            "Share of the inputs on which a candidate says something else, beside it (shadow) and over the last real "
            "ones before its swap (replay), failures among them.",
            "percentunit",
            [
                query(
                    "task_version:pipit_shadow_disagreements:ratio_rate5m >= 0 or on () vector(0)",
                    "{{task}} {{version}} shadow",
                ),
                query(
                    f"{failed} / sum by (task, version) (rate(pipit_replayed_total[5m])) >= 0 or on () vector(0)",
                    "{{task}} {{version}} replay",
                    "B",
                ),
            ],
            width=8,
        ),
    ]


def reports() -> list[object]:
    """Panels: which devices there are, and whether they speak to the registry."""
    return [
        graph(
            "Devices that the registry knows",
            "Of the last 24 hours: those that watch or reported of late, and the others.",
            "none",
            [query("max by (online) (pipit_registry_devices)", "online: {{online}}")],
            width=8,
            stacked=True,
        ),
        listing(
            "Last reports",
            "Time since each device reported. An alert begins after a quarter of an hour.",
            "sort_desc(device:pipit_device_last_report_seconds:min)",
            {"device": "Device", "Value": "Ago"},
            width=8,
            unit="s",
        ),
        graph(
            "Reports",
            "By what came of them, as the devices say. Refused: the registry does not believe that it is this device.",
            "cps",
            [query("sum by (result) (rate(pipit_reports_total[5m]))", "{{result}}")],
            width=8,
        ),
    ]
