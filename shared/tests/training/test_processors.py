from __future__ import annotations

from pathlib import Path

import pytest
from pipit.training import processors
from pipit.training.processors import allowed_processors, idle_processors, idle_share

BUSY = "cpu  1000 0 200 5000 100 0 0 0 0 0\ncpu0 500 0 100 2500 50 0 0 0 0 0\n"
LATER = "cpu  1030 0 200 5008 102 0 0 0 0 0\ncpu0 530 0 100 2500 50 0 0 0 0 0\n"


def test_the_idle_share_is_what_idles_or_waits_for_a_disk_of_all_ticks() -> None:
    # 30 ticks of work, 8 idle and 2 that waited for a disk.
    assert idle_share(BUSY, LATER) == pytest.approx(0.25)
    assert idle_share(BUSY, BUSY) is None


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000\n", 2), ("150000 100000\n", 1), ("50000 100000\n", 1), ("max 100000\n", 8)]
)
def test_a_container_has_no_more_than_its_quota(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (tmp_path / "cpu.max").write_text(quota)

    assert allowed_processors(tmp_path / "cpu.max") == cores
    assert allowed_processors(tmp_path / "none") == 8


@pytest.mark.parametrize(("limit", "cores"), [("1", 1), ("3,2", 3), ("20", 8), ("0", 1), ("", 8), ("many", 8)])
def test_a_training_takes_no_more_threads_than_openmp_may(
    limit: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", limit)

    assert allowed_processors(tmp_path / "none") == cores


@pytest.mark.parametrize(
    ("later", "threads"),
    [
        ("cpu 100 0 0 300\n", 3),  # a quarter of four cores is busy
        ("cpu 400 0 0 0\n", 1),  # all are
        ("cpu 0 0 0 400\n", 4),
    ],
)
def test_a_training_takes_the_cores_that_idle(later: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter(["cpu 0 0 0 0\n", later])

    class Stat:
        def read_text(self) -> str:
            return next(readings)

    monkeypatch.setattr(processors, "allowed_processors", lambda: 4)
    monkeypatch.setattr("os.cpu_count", lambda: 4)

    assert idle_processors(0.0, Stat()) == threads  # type: ignore[arg-type]


def test_where_the_system_does_not_say_all_allowed_cores_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "allowed_processors", lambda: 4)

    assert idle_processors(0.0, tmp_path / "no such file") == 4
