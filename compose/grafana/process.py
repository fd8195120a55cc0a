"""What every process has: processor, memory, file descriptors."""

from __future__ import annotations

from panels import graph, query


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
            "Open ones. An alert begins at 80 % of what the process may have.",
            "none",
            [query(f"process_open_fds{{{selector}}}", "{{instance}}")],
            width=8,
        ),
    ]
