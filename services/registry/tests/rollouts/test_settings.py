"""Numbers of the rules, as an operator sets them."""

from __future__ import annotations

import pytest
from model_registry.rollouts.document import StageRecord, stages_of
from model_registry.rollouts.settings import Rules, parse_rules
from pipit.errors import InvalidInput

TASK = "home_security.sounds"
OWN = '{"*": {"answers": 50}, "home_security.sounds": {"stages": {"fast": [{"devices": 2, "bake_seconds": 60}]}}}'


def test_a_tasks_own_numbers_come_on_top_of_those_for_all() -> None:
    book = parse_rules(OWN)
    assert (book.of(TASK).answers, book.of("emotion.stress").answers) == (50, 50)
    assert book.of(TASK).stages_of("fast") == (StageRecord(devices=2, bake_seconds=60),)
    assert book.of("emotion.stress").stages_of("fast") == stages_of("fast")
    assert book.of(TASK).stages_of("careful") == stages_of("careful")


def test_nothing_set_is_the_defaults() -> None:
    assert parse_rules("").of(TASK) == Rules()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "no JSON"),
        ('{"answers": 50}', "numbers by task"),
        ('{"*": {"answer": 50}}', "answer"),
        ('{"*": {"stages": {"slow": [{"devices": 1}]}}}', "stages.slow"),
        ('{"*": {"stages": {"fast": []}}}', "stages.fast"),
        ('{"*": {"stages": {"fast": [{"devices": 1, "share": 0.5}]}}}', "either a number of devices or a share"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        parse_rules(text)


def test_a_profile_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no profile"):
        parse_rules(OWN).of(TASK).stages_of("slow")
