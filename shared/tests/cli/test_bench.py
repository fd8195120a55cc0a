from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any


def test_decoding_is_timed_where_it_runs_further_networks(staged: ModuleType, pipit: Any, tmp_path: Path) -> None:
    bundle = staged.make_bundle(tmp_path).path
    called = pipit("bench", bundle, "--runs", "5", "--threads", "1", "--threads", "2", "--json")
    assert called.code == 0, called.err
    decoding = called.json()["decoding"]
    assert [(one["threads"], one["runs"]) for one in decoding] == [(1, 5), (2, 5)]
    assert all(0 < one["median_ms"] <= one["p95_ms"] for one in decoding)
    shown = pipit("bench", bundle, "--runs", "3", "--threads", "1").out
    assert "decoding one input, with finder, 1 thread:" in shown
