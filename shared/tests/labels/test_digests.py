"""A set's digest is that of its content, however it is called and ordered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.labels import LabelledBox, LabelledSpan, LabelSet, SetItem
from pipit.labels.digests import set_digest

ITEMS = tuple(SetItem(f"20261129-{number:032x}", f"{number:064x}", "audio/wav", "loud") for number in range(4))
WHOLE = LabelSet("evening", "test.sounds", "", ("quiet", "loud"), ITEMS)


def test_it_is_written_down_for_ever() -> None:
    # Sets that were frozen before must keep their digest: their bundles name it.
    assert set_digest(WHOLE) == "6fb3cd5a13a659066e9a0fbc96a59b9467d43640bbd584abe122e6d1c1326fd3"


@given(st.permutations(ITEMS), st.text(max_size=5))
def test_name_maker_and_order_do_not_count(items: list[SetItem], name: str) -> None:
    other = replace(WHOLE, name=name, items=tuple(items), made_by="anna", made_at=datetime.now(UTC), digest="x")
    assert set_digest(other) == set_digest(WHOLE)


@pytest.mark.parametrize(
    "change",
    [
        {"label": "quiet"},
        {"held_out": True},
        {"group": "g"},
        {"media_type": "image/png"},
        {"sha256": "a" * 64},
        {"boxes": (LabelledBox("cat", 1, 2, 3, 4),)},
        {"spans": (LabelledSpan("ad", 0, 1.5),)},
    ],
)
def test_everything_of_an_item_counts(change: dict[str, object]) -> None:
    changed = replace(ITEMS[0], **change)  # type: ignore[arg-type]
    assert set_digest(replace(WHOLE, items=(changed, *ITEMS[1:]))) != set_digest(WHOLE)


def test_task_and_the_order_of_labels_count() -> None:
    assert set_digest(replace(WHOLE, task="test.other")) != set_digest(WHOLE)
    assert set_digest(replace(WHOLE, labels=("loud", "quiet"))) != set_digest(WHOLE)


def test_a_whole_number_is_the_same_with_a_point() -> None:
    whole = replace(ITEMS[0], boxes=(LabelledBox("cat", 1, 2, 3, 4),))
    point = replace(ITEMS[0], boxes=(LabelledBox("cat", 1.0, 2.0, 3.0, 4.0),))
    assert set_digest(replace(WHOLE, items=(whole,))) == set_digest(replace(WHOLE, items=(point,)))


def test_what_is_not_finite_has_no_digest() -> None:
    endless = replace(ITEMS[0], spans=(LabelledSpan("ad", 0.0, float("inf")),))
    with pytest.raises(InvalidInput, match="not finite"):
        set_digest(replace(WHOLE, items=(endless,)))
