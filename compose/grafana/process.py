"""What every process has: processor, memory, file descriptors."""

from __future__ import annotations

from panels import RED, graph, query


def process(selector: str) -> list[object]:
    """Three panels. selector: of the processes' series."""
    return [
        graph(
            "Processor",
            "Cores in use.",
            "none",
            [query(f"rate(process_cpu_seconds_total{{{selector}}}[$__rate_interval])", "{{instance}}")],
            width=8,
        ),
        graph(
            "Memory",
            "Resident.",
            "bytes",
            [query(f"process_resident_memory_bytes{{{selector}}}", "{{instance}}")],
            width=8,
        ),
        graph(
            "File descriptors",
            "Open ones. Dashed: how many there may be.",
            "none",
            [
                query(f"process_open_fds{{{selector}}}", "open, {{instance}}"),
                query(f"process_max_fds{{{selector}}}", "limit, {{instance}}", "B"),
            ],
            width=8,
            overrides=[
                (
                    "^limit",
                    {
                        "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
                        "custom.axisPlacement": "hidden",
                        "custom.fillOpacity": 0,
                        "color": {"mode": "fixed", "fixedColor": RED},
                    },
                )
            ],
        ),
    ]
