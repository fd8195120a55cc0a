"""The registry: whether it answers, how fast, and what was published and moved."""

from __future__ import annotations

from frame import YES_NO, add, board
from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import ORANGE, RED, graph, number, query, steps, timeline
from process import process
from trust import trust

OF = 'job="registry"'
_SERVICES = (
    "registry.v1.RegistryService",
    "galleries.v1.GalleryService",
    "fleet.v1.FleetService",
    "examples.v1.ExampleService",
    "labels.v1.LabelService",
)
CALLS = f'{OF}, grpc_service=~"pipit.({"|".join(_SERVICES)})"'


def registry() -> Dashboard:
    """All copies of the registry."""
    made = board("pipit-registry", "Pipit / Registry", "The registry: calls, store, devices that watch.")
    add(made, "Calls", [*_numbers(), *_calls()])
    add(made, "Versions and devices", _content())
    add(made, "Trust", trust())
    add(made, "Processes", process(OF))
    return made


def _numbers() -> list[object]:
    return [
        number(
            "Copies up", "Processes that Prometheus reaches.", "none", f"sum(up{{{OF}}})", steps((1, "green"), base=RED)
        ),
        number(
            "Store",
            "Whether every copy reaches the object store.",
            "none",
            "min(pipit_registry_store_up)",
            steps((1, "green"), base=RED),
            words=YES_NO,
        ),
        number("Devices that watch", "For what they should run.", "none", "sum(pipit_registry_watchers)"),
        number(
            "Failed",
            "Share of calls that failed through no fault of callers. An alert begins at 5 %.",
            "percentunit",
            f"max(job_instance:grpc_server_failed:ratio_rate5m{{{OF}}})",
            steps((0.01, ORANGE), (0.05, RED)),
        ),
        number(
            "Published",
            "Versions, since the start of each copy.",
            "none",
            "sum(pipit_registry_published_total) or vector(0)",
        ),
        number(
            "Moves",
            "Promotions, rollbacks and stops, since the start of each copy.",
            "none",
            "sum(pipit_registry_moves_total) or vector(0)",
        ),
    ]


def _calls() -> list[object]:
    by_method = f'rate(grpc_server_handling_seconds_bucket{{{CALLS}, grpc_type="unary"}}[5m])'
    return [
        graph(
            "Time to answer, p95",
            "Calls with one answer, by method; 95 of 100 take less.",
            "s",
            [query(f"histogram_quantile(0.95, sum by (grpc_method, le) ({by_method})) >= 0", "{{grpc_method}}")],
        ),
        graph(
            "Calls",
            "By method, as they begin. A watch lasts for as long as its device does.",
            "reqps",
            [
                query(
                    f"sum by (grpc_method) (rate(grpc_server_started_total{{{CALLS}}}[5m]))",
                    "{{grpc_method}}",
                )
            ],
        ),
        graph(
            "Calls that ended, by status",
            "docs/registry.md says when each is given.",
            "reqps",
            [query(f"sum by (grpc_code) (rate(grpc_server_handled_total{{{CALLS}}}[5m]))", "{{grpc_code}}")],
            stacked=True,
        ),
        graph(
            "Messages of streams",
            "Uploads are received, downloads and assignments sent.",
            "cps",
            [
                query(f"sum(rate(grpc_server_msg_received_total{{{CALLS}}}[5m]))", "received"),
                query(f"sum(rate(grpc_server_msg_sent_total{{{CALLS}}}[5m]))", "sent", "B"),
            ],
        ),
    ]


def _content() -> list[object]:
    return [
        timeline(
            "Object store",
            "Whether it answers, by copy.",
            [query("pipit_registry_store_up", "{{instance}}")],
            {"1": ("answers", "green"), "0": ("away", "red")},
            width=8,
        ),
        graph(
            "Devices that watch",
            "By copy: for what they should run, and for the people of a gallery.",
            "none",
            [
                query("pipit_registry_watchers", "{{instance}} runs"),
                query("pipit_registry_gallery_watchers", "{{instance}} people", "B"),
            ],
            width=8,
        ),
        graph(
            "Publications and moves",
            "Since the start of each copy.",
            "none",
            [
                query("sum by (task) (pipit_registry_published_total)", "{{task}} published"),
                query(
                    "sum by (task, environment, action) (pipit_registry_moves_total)",
                    "{{task}} {{environment}} {{action}}",
                    "B",
                ),
            ],
            width=8,
        ),
    ]
