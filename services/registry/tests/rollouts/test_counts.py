"""What a window's errors say of the version."""

from __future__ import annotations

import pytest
from model_registry.rollouts.counts import counts_of
from pipit.fleet import Window, WindowKind

ERRORS = {"INTERNAL": 1, "INVALID_ARGUMENT": 10, "RESOURCE_EXHAUSTED": 100}


@pytest.mark.parametrize(
    ("kind", "failed"),
    [(WindowKind.LIVE, 1), (WindowKind.BEFORE, 1), (WindowKind.REPLAY, 11), (WindowKind.SHADOW, 11)],
)
def test_to_refuse_what_was_answered_before_is_a_failure(kind: WindowKind, failed: int) -> None:
    window = Window(kind, "test.tiny", "2.0.0", answered=1000, errors=ERRORS)
    assert counts_of(window, ("INTERNAL",)).failed == failed
    assert counts_of(window, ("INTERNAL",)).requests == 1000 + failed
