from __future__ import annotations

from collections.abc import Sequence

import pytest
from baby_monitor.cry.episodes import EpisodeRule, Episodes, Heard, rule_of
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.types import TimeSpan

RULE = EpisodeRule(enter=0.5, exit=0.2, hits=2, answer_after=4)


def heard(scores: Sequence[float], rule: EpisodeRule = RULE) -> list[Heard[int]]:
    """Of windows of two seconds, one a second."""
    episodes: Episodes[int] = Episodes(rule)
    found = [h for i, score in enumerate(scores) for h in episodes.push(TimeSpan(i, i + 2.0), score, i)]
    return [*found, *episodes.finish()]


def cries(scores: Sequence[float]) -> list[tuple[int, ...]]:
    return [answer.rows for answer in heard(scores) if answer.is_cry]


def test_an_episode_opens_with_loud_windows_in_a_row_and_goes_on_through_fainter_ones() -> None:
    assert cries([0.1, 0.6, 0.7, 0.1]) == [(1, 2)]
    # A fainter window belongs to an open episode, and opens none.
    assert cries([0.6, 0.7, 0.3, 0.1]) == [(0, 1, 2)]
    assert cries([0.3, 0.3, 0.3, 0.3]) == []
    assert cries([0.6, 0.3, 0.6, 0.1]) == []


def test_one_answer_an_episode_when_it_ends_or_is_long_enough() -> None:
    assert cries([0.9] * 12) == [(0, 1, 2, 3)]
    assert cries([0.9] * 6 + [0.0] + [0.9] * 3) == [(0, 1, 2, 3), (7, 8, 9)]
    answer = next(answer for answer in heard([0.0, 0.9, 0.9, 0.0]) if answer.is_cry)
    assert answer.span == TimeSpan(1.0, 4.0)


def test_quiet_windows_are_answered_one_by_one_and_a_loud_one_that_came_to_nothing_with_the_next() -> None:
    assert heard([0.0, 0.0]) == [Heard(TimeSpan(0.0, 2.0)), Heard(TimeSpan(1.0, 3.0))]
    assert heard([0.9, 0.0, 0.0]) == [Heard(TimeSpan(0.0, 3.0)), Heard(TimeSpan(2.0, 4.0))]
    assert heard([0.0, 0.9]) == [Heard(TimeSpan(0.0, 2.0)), Heard(TimeSpan(1.0, 3.0))]


def test_a_recording_too_short_for_an_episode_is_one_if_all_of_it_is_loud() -> None:
    assert cries([0.6]) == [(0,)]
    assert heard([0.4]) == [Heard(TimeSpan(0.0, 2.0))]
    three = EpisodeRule(0.5, 0.2, hits=3, answer_after=3)
    assert [answer.rows for answer in heard([0.6, 0.6], three)] == [(0, 1)]
    assert [answer.rows for answer in heard([0.1, 0.6], three) if answer.is_cry] == []
    assert heard([]) == []


@given(st.lists(st.floats(0.0, 1.0), max_size=40))
def test_no_window_counts_twice_and_each_episode_begins_with_enough_loud_ones(scores: list[float]) -> None:
    found = cries(scores)
    rows = [row for answer in found for row in answer]
    assert rows == sorted(set(rows))
    for answer in found:
        assert len(answer) <= RULE.answer_after
        assert all(scores[row] >= RULE.enter for row in answer[: RULE.hits])
        assert all(scores[row] >= RULE.exit for row in answer)


@pytest.mark.parametrize(
    "wrong", [{"enter": 0.1}, {"exit": -0.1}, {"hits": 0}, {"hits": 5}, {"enter": "loud"}, {"hits": None}]
)
def test_a_rule_that_can_t_be_is_refused(wrong: dict[str, object]) -> None:
    assert rule_of(RULE.parameters) == RULE
    with pytest.raises(InvalidInput, match="episode"):
        rule_of({**RULE.parameters, **wrong})
    with pytest.raises(InvalidInput, match="it needs enter, exit, hits, answer_after"):
        rule_of({})
