"""File descriptors: what a process may have, against what it lets in."""

from __future__ import annotations

import resource

from pipit.logging import get_logger

SPARE_DESCRIPTORS = 512
"""For files, threads' pipes, connections to other servers and those of Prometheus."""
_log = get_logger(__name__)


def allow_connections(connections: int) -> None:
    """Lets the process have a descriptor for each connection, and some for all else; it is begun with fewer as a rule.

    Where it may not, the log says so: gRPC can't refuse a connection that it has no descriptor for, and answers nobody.
    """
    wanted = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible < wanted:
        advice = f"raise the limit of open files to {wanted}, or set max_connections to {possible - SPARE_DESCRIPTORS}"
        _log.warning("few_descriptors", limit=possible, max_connections=connections, advice=advice)
