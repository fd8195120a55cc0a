"""The ring on the disk: sealed, bounded, whole after every fault."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.capture.ring import Ring, device_key
from pipit.errors import InputTooLarge, IntegrityError
from pipit.examples import Example, Reason
from pipit.examples.ids import example_id

TASK = "test.tiny"
KEY = bytes(range(32))
BEGIN = datetime(2026, 11, 29, 23, 59, tzinfo=UTC)


def example(
    content: bytes, seconds: int = 0, reason: Reason = Reason.UNCERTAIN, corrected: str | None = None
) -> Example:
    taken = BEGIN + timedelta(seconds=seconds)
    return Example(
        example_id(taken, content),
        TASK,
        "audio/wav",
        len(content),
        hashlib.sha256(content).hexdigest(),
        reason,
        "pi-1",
        taken,
        corrected=corrected or "",
        was_corrected=corrected is not None,
    )


def contents(ring: Ring) -> list[bytes]:
    """Oldest first; takes them out."""
    found = []
    while (name := ring.oldest()) is not None:
        found.append(ring.read(name).content)
        ring.drop(name)
    return found


def test_what_is_kept_is_read_back_and_can_not_be_read_without_the_key(tmp_path: Path) -> None:
    ring, one = Ring(tmp_path, TASK, KEY), example(b"a secret of this house")
    assert ring.put(one, b"a secret of this house", 1000) == 0
    (path,) = (tmp_path / TASK).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"secret" not in path.read_bytes()
    kept = ring.read(path.name)
    assert (kept.example, kept.content) == (one, b"a secret of this house")
    for other in (Ring(tmp_path, TASK, bytes(32)), Ring(tmp_path, "test.other", KEY)):
        (tmp_path / "test.other").mkdir(exist_ok=True)
        (tmp_path / "test.other" / path.name).write_bytes(path.read_bytes())
        with pytest.raises(IntegrityError, match="broken, or sealed with another key"):
            other.read(path.name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)
@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=12), quota=st.integers(1800, 4000))
def test_the_newest_stay_within_the_quota(tmp_path: Path, sizes: list[int], quota: int) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    ring.clear()
    put, dropped = [], 0
    for number, size in enumerate(sizes):
        content = bytes([number]) * size
        dropped += ring.put(example(content, number), content, quota)
        put.append(content)
        assert ring.size <= quota
    assert contents(ring) == put[dropped:]


def test_what_never_fits_is_refused_and_nothing_goes_for_it(tmp_path: Path) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    ring.put(example(b"small"), b"small", 1000)
    with pytest.raises(InputTooLarge):
        ring.put(example(bytes(251)), bytes(251), 1000)
    assert contents(ring) == [b"small"]


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 200])
def test_a_broken_file_says_so(tmp_path: Path, damage: bytes) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    ring.put(example(b"x"), b"x", 1000)
    name = ring.oldest()
    assert name is not None
    (tmp_path / TASK / name).write_bytes(damage)
    with pytest.raises(IntegrityError):
        ring.read(name)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (Reason.RANDOM, Reason.UNCERTAIN, Reason.RANDOM),
        (Reason.UNCERTAIN, Reason.RANDOM, Reason.RANDOM),
        (Reason.RANDOM, Reason.WRONG, Reason.RANDOM),
        (Reason.UNCERTAIN, Reason.WRONG, Reason.WRONG),
        (Reason.WRONG, Reason.UNCERTAIN, Reason.WRONG),
    ],
)
def test_the_same_content_is_kept_once_with_all_that_was_said(
    tmp_path: Path, first: Reason, second: Reason, reason: Reason
) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    for number, why in enumerate((first, second)):
        ring.put(example(b"x", number, why, "high" if why is Reason.WRONG else None), b"x", 1000)
    name = ring.oldest()
    assert name is not None
    kept = ring.read(name).example
    assert (kept.reason, kept.taken_at) == (reason, BEGIN)
    assert (kept.corrected, kept.was_corrected) == (("high", True) if Reason.WRONG in (first, second) else ("", False))
    ring.drop(name)
    assert ring.oldest() is None


def test_what_was_corrected_after_it_was_read_is_not_dropped(tmp_path: Path) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    ring.put(example(b"x"), b"x", 1000)
    name = ring.oldest()
    assert name is not None
    kept = ring.read(name)
    ring.put(example(b"x", 1, Reason.WRONG, "high"), b"x", 1000)
    ring.drop(name, kept.mark)
    again = ring.read(name)
    assert again.example.corrected == "high"
    ring.drop(name, again.mark)
    assert ring.oldest() is None


def test_what_made_room_since_it_was_read_is_dropped_already(tmp_path: Path) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    ring.put(example(b"x"), b"x", 1000)
    name = ring.oldest()
    assert name is not None
    kept = ring.read(name)
    ring.clear()
    ring.drop(name, kept.mark)
    assert ring.oldest() is None


def test_the_same_content_of_another_day_is_another_example(tmp_path: Path) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    for seconds in (0, 120):
        ring.put(example(b"x", seconds), b"x", 1000)
    assert contents(ring) == [b"x", b"x"]


def test_the_device_has_one_key_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    key = device_key(folder)
    assert device_key(folder) == key
    assert len(key) == 32
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    (folder / "key").write_bytes(b"cut")
    assert len(device_key(folder)) == 32


def test_what_a_power_cut_left_unfinished_is_gone_with_the_next_start(tmp_path: Path) -> None:
    Ring(tmp_path, TASK, KEY).put(example(b"whole"), b"whole", 1000)
    (tmp_path / TASK / ".20261129T101500123456-x.sealed.0123456789abcdef.part").write_bytes(b"half")
    assert contents(Ring(tmp_path, TASK, KEY)) == [b"whole"]
    assert list((tmp_path / TASK).iterdir()) == []


def test_what_another_process_deletes_hides_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    for number in range(3):
        ring.put(example(bytes([number]), number), bytes([number]), 1000)
    names = sorted(path.name for path in (tmp_path / TASK).iterdir())
    listed = os.scandir(tmp_path / TASK)
    entries = sorted(listed, key=lambda entry: entry.name)
    # As if it went between the listing and the look at it.
    (tmp_path / TASK / names[0]).unlink()
    monkeypatch.setattr("pipit.capture.ring.os.scandir", lambda folder: nullcontext(entries))
    assert ring.oldest() == names[1]


def test_no_more_wait_than_can_be_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipit.capture.ring.MOST", 3)
    ring = Ring(tmp_path, TASK, KEY)
    dropped = [ring.put(example(bytes([number]), number), bytes([number]), 1 << 20) for number in range(5)]
    assert dropped == [0, 0, 0, 1, 1]
    assert ring.put(example(b"\4", 4), b"\4", 1 << 20) == 0
    assert contents(ring) == [b"\2", b"\3", b"\4"]


def test_what_was_kept_for_as_long_as_agreed_goes_unsent(tmp_path: Path) -> None:
    ring = Ring(tmp_path, TASK, KEY)
    for number in range(3):
        ring.put(example(bytes([number]), number), bytes([number]), 1 << 20)
    assert ring.expire(BEGIN + timedelta(days=100)) == 0
    ring.keep_for(30)
    # As another process, or the next start, sees it.
    again = Ring(tmp_path, TASK, KEY)
    assert again.expire(BEGIN + timedelta(days=30)) == 0
    assert again.expire(BEGIN + timedelta(days=30, seconds=2)) == 2
    ring.keep_for(0)
    assert again.expire(BEGIN + timedelta(days=1000)) == 0
    assert contents(again) == [b"\2"]
