"""One stack for all tests here: it takes a training to start. Its modules are found beside this file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from prometheus_server import missing
from running_stack import FIRST, Stack, as_version, read_clips, run_traffic, running_stack, train

TRAFFIC_SECONDS = 12.0
"""Before the swap, and after it again; Prometheus looks each second."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two servers that answered many callers with one version and then the next, one without a model."""
    if absent := missing("prometheus"):
        pytest.skip(absent)
    folder = tmp_path_factory.mktemp("monitoring")
    # What stops a rollout here must not be how busy this machine is.
    first = train(folder, FIRST, "epochs=3", "latency_budget_ms=60000")
    second = as_version(first, "2.0.0", folder / "second")
    with running_stack(folder / "stack", first, read_clips(folder)) as running:
        run_traffic(running, first.manifest.labels, second, lambda: time.sleep(TRAFFIC_SECONDS))
        running.wait_for('ALERTS{alertstate="firing"}')
        yield running.settled()
